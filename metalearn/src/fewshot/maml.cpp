#include "metatape/metalearn/fewshot/maml.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

constexpr const char* rates_name = "rates";

// Positions among φ's tensors of those that steps move.
std::vector<std::size_t> moved(const Maml& m, const Layout& layout) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < layout.entries().size(); ++i)
    if (const std::string& name = layout.entries()[i].name;
        name != rates_name && adapted(m.adapts, name))
      all.push_back(i);
  return all;
}

// ---- through the steps

// θ' on θ's tape, every step recorded.
Bound recorded_steps(const Maml& m, const Bound& phi, Var images, const Indices& labels) {
  const std::vector<std::size_t> which = moved(m, *phi.layout());
  std::vector<Var> weights;
  for (std::size_t i = 0; i < phi.count(); ++i) weights.push_back(phi[i]);
  const auto bound = [&] { return Bound(phi.layout(), weights); };
  for (int step = 0; step < m.steps; ++step) {
    std::vector<Var> from;
    for (const std::size_t i : which) from.push_back(weights[i]);
    const std::vector<Var> g =
        recorded_grad(classification_loss(m.network, bound(), images, labels), from);
    for (std::size_t k = 0; k < which.size(); ++k) {
      Var& w = weights[which[k]];
      if (!m.learned_rates) {
        w = w - m.rate * g[k];
        continue;
      }
      const auto tensor = static_cast<std::int64_t>(which[k]);
      const Var rates = rows(phi[rates_name], step, step + 1);
      w = w - reshape(slice(rates, 1, tensor, tensor + 1), Shape{}) * g[k];
    }
  }
  return bound();
}

// ---- step by step, in numbers

// α of a step and tensor.
double rate_of(const Maml& m, const Params& phi, int step, std::size_t tensor) {
  if (!m.learned_rates) return m.rate;
  const Tensor rates = phi[rates_name];
  const std::int64_t row = std::min<std::int64_t>(step, rates.shape()[0] - 1);
  return rates.at(row * rates.shape()[1] + static_cast<std::int64_t>(tensor));
}

// θ after so many steps; the gradient of each is handed to `see`. Under λ > 0 they are drawn back
// to where they began.
template <class See>
Params descended(const Maml& m, Tape& tape, const Params& phi, const Tensor& support,
                 const Indices& labels, int steps, const See& see) {
  const std::vector<std::size_t> which = moved(m, *phi.layout());
  Params weights = phi;
  const StepTape own(tape);
  for (int step = 0; step < steps; ++step) {
    Params g;
    {
      const Tape::Scope scope(own.tape());
      const Bound p = bind(own.tape(), weights);
      g = grad(classification_loss(m.network, p, own.tape().constant(support), labels), p);
    }
    see(step, g);
    visit(phi.dtype(), [&]<class T>(T) {
      const std::span<T> w = weights.flat().template mutable_values<T>();
      const std::span<const T> d = g.flat().template values<T>(),
                               start = phi.flat().template values<T>();
      for (const std::size_t i : which) {
        const ParamEntry& e = phi.entries()[i];
        const auto rate = static_cast<T>(rate_of(m, phi, step, i)),
                   pull = static_cast<T>(m.proximal);
        const auto first = static_cast<std::size_t>(e.offset);
        for (std::size_t k = first; k < first + static_cast<std::size_t>(e.shape.size()); ++k)
          w[k] -= rate * (d[k] + pull * (w[k] - start[k]));
      }
    });
  }
  return weights;
}

// (I + H/λ)⁻¹ b by conjugate gradients from b, H acting on the tensors that move.
Params solved(const Maml& m, Tape& tape, const Params& weights, const tasks::Episode& e,
              const Params& b) {
  const std::vector<std::size_t> which = moved(m, *weights.layout());
  const Tape::Scope scope(tape);
  const Bound p = bind(tape, weights);
  const Var loss = classification_loss(m.network, p, tape.constant(e.support), e.support_labels);
  const auto masked = [&](const Params& x) {
    Params y = x.zeros_like();
    for (const std::size_t i : which) y.set(x.entries()[i].name, x[i]);
    return y;
  };
  const auto times = [&](const Params& v) {
    const Tape::Scope inner(tape);
    Params product = masked(hessian_vector(loss, p, v));
    product.scale(1 / m.proximal);
    product.add_scaled(1, v);
    return product;
  };
  const Params right = masked(b);
  Params x = right, residual = right;
  residual.add_scaled(-1, times(x));
  Params direction = residual;
  double square = residual.dot(residual);
  for (int step = 0; step < m.solver_steps && square > 0; ++step) {
    const Params along = times(direction);
    const double curvature = direction.dot(along);
    if (!(curvature > 0)) break;  // H + λ is no longer positive there: what stands is kept
    x.add_scaled(square / curvature, direction);
    residual.add_scaled(-square / curvature, along);
    const double next = residual.dot(residual);
    direction.scale(next / square);
    direction.add_scaled(1, residual);
    square = next;
  }
  Params whole = b;  // what does not move keeps its own gradient
  for (const std::size_t i : which) whole.set(b.entries()[i].name, x[i]);
  return whole;
}

}  // namespace

std::string Maml::name() const {
  return order == Order::first && proximal == 0 ? "fomaml" : "maml";
}

Params Maml::init(Key key) const {
  if (steps < 0 || test_steps < 0 || solver_steps < 0 || proximal < 0)
    throw DataError(
        fmt::format("{}: {} steps, {} at test, {} of the solver, proximal {}: none may "
                    "be below 0",
                    name(), steps, test_steps, solver_steps, proximal));
  if (proximal > 0 && learned_rates)
    throw DataError(
        "maml: learned rates have no gradient in implicit MAML: only the minimum counts there");
  Params weights = network.init(key);
  if (!learned_rates) return weights;
  const auto tensors = static_cast<std::int64_t>(weights.entries().size());
  return Params::join(
      {weights, Params({{rates_name, Tensor::full({std::max(steps, 1), tensors}, rate)}})});
}

MetaStep Maml::objective(Tape& tape, const Params& phi, const Params& carry,
                         const tasks::Episode& e, Key) const {
  require_head(name(), network, static_cast<int>(e.plan.classes.size()));
  if (order == Order::exact && proximal == 0) {
    const Bound p = bind(tape, phi);
    const QueryPass q =
        query_pass(network, statistics,
                   recorded_steps(*this, p, tape.constant(e.support), e.support_labels), e, carry);
    return {.loss = q.loss.item(),
            .gradient = grad(q.loss, p),
            .carry = q.carry,
            .measures = {{"accuracy", q.accuracy}}};
  }

  std::vector<Params> steps_taken;  // their gradients, where rates are trained
  const Params weights =
      descended(*this, tape, phi, e.support, e.support_labels, steps, [&](int, const Params& g) {
        if (learned_rates) steps_taken.push_back(g);
      });
  MetaStep answer;
  {
    const Tape::Scope scope(tape);
    const Bound p = bind(tape, weights);
    const QueryPass q = query_pass(network, statistics, p, e, carry);
    answer = {.loss = q.loss.item(),
              .gradient = grad(q.loss, p),
              .carry = q.carry,
              .measures = {{"accuracy", q.accuracy}}};
  }
  if (proximal > 0) answer.gradient = solved(*this, tape, weights, e, answer.gradient);
  if (learned_rates) {
    // θ' = θ - Σ α g: dL/dα = -<∇L, g>, tensor by tensor
    Tensor rates = Tensor::zeros(phi[rates_name].shape(), phi.dtype());
    visit(phi.dtype(), [&]<class T>(T) {
      const std::span<T> to = rates.mutable_values<T>();
      for (std::size_t step = 0; step < steps_taken.size(); ++step)
        for (const std::size_t i : moved(*this, *phi.layout())) {
          const Tensor at = answer.gradient[i], g = steps_taken[step][i];
          double product = 0;
          for (std::size_t k = 0; k < at.values<T>().size(); ++k)
            product +=
                static_cast<double>(at.values<T>()[k]) * static_cast<double>(g.values<T>()[k]);
          to[step * static_cast<std::size_t>(rates.shape()[1]) + i] = static_cast<T>(-product);
        }
    });
    answer.gradient.set(rates_name, rates);
  }
  return answer;
}

Classifier Maml::adapt(Tape& tape, const Params& phi, const Params& carry, const Tensor& support,
                       const Indices& labels, int way) const {
  require_head(name(), network, way);
  return adapted_classifier(
      network, statistics, tape,
      descended(*this, tape, phi, support, labels, test_steps, [](int, const Params&) {}), support,
      carry);
}

}  // namespace metatape::metalearn
