// hand_crafted.cpp: each rule's formula, once. X is a number (the plain path, a loop over elements)
// or a Var (the recorded path, one op over all); its constants are numbers or Vars likewise.
#include "metatape/metalearn/optimizers/hand_crafted.hpp"

#include <fmt/format.h>

#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

using std::pow;
using std::sqrt;

// √x whose slope at 0 is 0 instead of infinite: a coordinate whose gradients have all been exactly
// 0 (a unit that ReLU has cut off) would make every meta-gradient NaN.
double root(double x) { return std::sqrt(x); }
float root(float x) { return std::sqrt(x); }
Var root(Var x) {
  const Var positive = greater(x, x.tape().constant(0, x.dtype()));
  return positive * sqrt(x + (1 - positive));
}

constexpr double any = 1e300;

Rate learning_rate(double value) { return {"learning_rate", value, 0, any}; }
Rate share(const char* name, double value) { return {name, value, 0, 1}; }
Rate epsilon(double value) { return {"epsilon", value, 0, any}; }

// ---- the formulas ------------------------------------------------------------------------------
// constants(rule, φ, t): what does not depend on the element, φ[0] being the scaled rate.
// update(rule, constants, θ, g, state): θ's update; the state is replaced.

template <class S>
std::vector<S> constants(const Sgd&, const std::vector<S>& phi, double) {
  return phi;
}
template <class X>
X update(const Sgd&, const std::vector<X>& k, const X&, const X& g, X*) {
  return -(k[0] * g);
}

template <class S>
std::vector<S> constants(const Momentum&, const std::vector<S>& phi, double) {
  return phi;
}
template <class X>
X update(const Momentum&, const std::vector<X>& k, const X&, const X& g, X* s) {
  s[0] = k[1] * s[0] + g;
  return -(k[0] * s[0]);
}

template <class S>
std::vector<S> constants(const Nesterov&, const std::vector<S>& phi, double) {
  return phi;
}
template <class X>
X update(const Nesterov&, const std::vector<X>& k, const X&, const X& g, X* s) {
  s[0] = k[1] * s[0] + g;
  return -(k[0] * (g + k[1] * s[0]));
}

template <class S>
std::vector<S> constants(const RmsProp&, const std::vector<S>& phi, double) {
  return {phi[0], phi[1], 1 - phi[1], phi[2]};
}
template <class X>
X update(const RmsProp&, const std::vector<X>& k, const X&, const X& g, X* s) {
  s[0] = k[1] * s[0] + k[2] * (g * g);
  return -(k[0] * g / (root(s[0]) + k[3]));
}

template <class S>
std::vector<S> constants(const Adagrad&, const std::vector<S>& phi, double) {
  return phi;
}
template <class X>
X update(const Adagrad&, const std::vector<X>& k, const X&, const X& g, X* s) {
  s[0] = s[0] + g * g;
  return -(k[0] * g / (root(s[0]) + k[1]));
}

// lr / (1 - beta1^t), beta1, 1 - beta1, 1 / √(1 - beta2^t), beta2, 1 - beta2, epsilon
template <class S>
std::vector<S> adam_constants(const std::vector<S>& phi, double t) {
  return {phi[0] / (1 - pow(phi[1], t)),
          phi[1],
          1 - phi[1],
          1 / sqrt(1 - pow(phi[2], t)),
          phi[2],
          1 - phi[2],
          phi[3]};
}
template <class X>
X adam_update(const std::vector<X>& k, const X& g, X* s) {
  s[0] = k[1] * s[0] + k[2] * g;
  s[1] = k[4] * s[1] + k[5] * (g * g);
  return -(k[0] * s[0] / (root(s[1]) * k[3] + k[6]));
}

template <class S>
std::vector<S> constants(const Adam&, const std::vector<S>& phi, double t) {
  return adam_constants(phi, t);
}
template <class X>
X update(const Adam&, const std::vector<X>& k, const X&, const X& g, X* s) {
  return adam_update(k, g, s);
}

template <class S>
std::vector<S> constants(const AdamW&, const std::vector<S>& phi, double t) {
  std::vector<S> k = adam_constants(phi, t);
  k.push_back(phi[0] * phi[4]);
  return k;
}
template <class X>
X update(const AdamW&, const std::vector<X>& k, const X& theta, const X& g, X* s) {
  const X moved = adam_update(k, g, s);
  return moved - k[7] * theta;
}

void require_alike(const char* name, const Params& theta, const Params& gradient) {
  if (!(*theta.layout() == *gradient.layout()))
    throw ShapeError(std::string(name) + ": theta of " + std::to_string(theta.entries().size()) +
                     " tensors and " + std::to_string(theta.size()) + " elements, gradient of " +
                     std::to_string(gradient.entries().size()) + " and " +
                     std::to_string(gradient.size()) + ": equal names and shapes are needed");
}

}  // namespace

Rates Sgd::rates() const { return {metalearn::learning_rate(learning_rate)}; }
Rates Momentum::rates() const {
  return {metalearn::learning_rate(learning_rate), share("momentum", momentum)};
}
Rates Nesterov::rates() const {
  return {metalearn::learning_rate(learning_rate), share("momentum", momentum)};
}
Rates RmsProp::rates() const {
  return {metalearn::learning_rate(learning_rate), share("decay", decay),
          metalearn::epsilon(epsilon)};
}
Rates Adagrad::rates() const {
  return {metalearn::learning_rate(learning_rate), metalearn::epsilon(epsilon)};
}
Rates Adam::rates() const {
  return {metalearn::learning_rate(learning_rate), share("beta1", beta1), share("beta2", beta2),
          metalearn::epsilon(epsilon)};
}
Rates AdamW::rates() const {
  return {metalearn::learning_rate(learning_rate),
          share("beta1", beta1),
          share("beta2", beta2),
          metalearn::epsilon(epsilon),
          {"weight_decay", weight_decay, 0, any}};
}

template <ElementwiseRule R>
std::string HandCrafted<R>::spec() const {
  std::string text = R::rule_name;
  for (char separator = ':'; const Rate& r : rule.rates()) {
    text += fmt::format("{}{}={}", separator, r.name, r.value);
    separator = ',';
  }
  return text;
}

template <ElementwiseRule R>
Params HandCrafted<R>::phi(DType dtype) const {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Rate& r : rule.rates()) tensors.emplace_back(r.name, Tensor::scalar(r.value, dtype));
  return Params(tensors);
}

template <ElementwiseRule R>
Params HandCrafted<R>::init(const Params&, const Params& theta, Key) const {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const char* name : R::state_names)
    tensors.emplace_back(name, Tensor::zeros({theta.size()}, theta.dtype()));
  if (tensors.empty())  // an empty state has θ's type too
    return Params::zeros(std::make_shared<const Layout>(), theta.dtype());
  return Params(tensors);
}

template <ElementwiseRule R>
OptimizerOutput HandCrafted<R>::step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const {
  std::vector<Var> rates, vectors;
  for (const Rate& r : rule.rates()) rates.push_back(phi[r.name]);
  if (input.rate_scale != 1) rates[0] = rates[0] * input.rate_scale;
  for (const char* name : R::state_names) vectors.push_back(state[name]);
  const std::vector<Var> k = constants(rule, rates, static_cast<double>(input.step + 1));
  const Var moved =
      metalearn::update(rule, k, input.theta.flat(), input.gradient.flat(), vectors.data());
  return {Bound(input.theta.layout(), moved), Bound(state.layout(), std::move(vectors))};
}

template <ElementwiseRule R>
void HandCrafted<R>::update(Params& theta, const Params& gradient, Params& state, std::int64_t step,
                            double rate_scale) const {
  require_alike(R::rule_name, theta, gradient);
  std::vector<double> rates;
  for (const Rate& r : rule.rates()) rates.push_back(r.value);
  rates[0] *= rate_scale;
  const std::vector<double> exact = constants(rule, rates, static_cast<double>(step + 1));
  visit(theta.dtype(), [&]<class T>(T) {
    constexpr std::size_t vectors = R::state_names.size();
    const std::vector<T> k(exact.begin(), exact.end());
    const std::span<T> x = theta.flat().template mutable_values<T>();
    const std::span<const T> g = gradient.flat().template values<T>();
    const std::span<T> s = state.flat().template mutable_values<T>();
    std::array<T, vectors + 1> of{};
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t v = 0; v < vectors; ++v) of[v] = s[v * x.size() + i];
      x[i] += metalearn::update(rule, k, x[i], g[i], of.data());
      for (std::size_t v = 0; v < vectors; ++v) s[v * x.size() + i] = of[v];
    }
  });
}

template struct HandCrafted<Sgd>;
template struct HandCrafted<Momentum>;
template struct HandCrafted<Nesterov>;
template struct HandCrafted<RmsProp>;
template struct HandCrafted<Adagrad>;
template struct HandCrafted<Adam>;
template struct HandCrafted<AdamW>;

}  // namespace metatape::metalearn
