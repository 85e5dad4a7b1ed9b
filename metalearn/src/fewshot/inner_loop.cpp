#include "metatape/metalearn/fewshot/inner_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "../algebra/conjugate_gradient.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

constexpr const char* rates_name = "rates";

// Positions among θ's tensors of those that steps move.
std::vector<std::size_t> moved(const InnerLoop& loop, const Layout& layout) {
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < layout.entries().size(); ++i)
    if (const std::string& name = layout.entries()[i].name;
        name != rates_name && (!loop.moves || loop.moves(name)))
      which.push_back(i);
  return which;
}

// θ', every step recorded.
Bound recorded_steps(const InnerLoop& loop, const Bound& theta, const LossOf& support) {
  const std::vector<std::size_t> which = moved(loop, *theta.layout());
  std::vector<Var> weights;
  for (std::size_t i = 0; i < theta.count(); ++i) weights.push_back(theta[i]);
  for (int step = 0; step < loop.steps; ++step) {
    std::vector<Var> from;
    for (const std::size_t i : which) from.push_back(weights[i]);
    const std::vector<Var> g = recorded_grad(support(Bound(theta.layout(), weights)), from);
    for (std::size_t k = 0; k < which.size(); ++k) {
      Var& w = weights[which[k]];
      if (!loop.learned_rates) {
        w = w - loop.rate * g[k];
        continue;
      }
      const auto tensor = static_cast<std::int64_t>(which[k]);
      const Var row = rows(theta[rates_name], step, step + 1);
      w = w - reshape(slice(row, 1, tensor, tensor + 1), Shape{}) * g[k];
    }
  }
  return {theta.layout(), std::move(weights)};
}

double rate_of(const InnerLoop& loop, const Params& theta, int step, std::size_t tensor) {
  if (!loop.learned_rates) return loop.rate;
  const Tensor rates = theta[rates_name];
  const std::int64_t row = std::min<std::int64_t>(step, rates.shape()[0] - 1);
  return rates.at(row * rates.shape()[1] + static_cast<std::int64_t>(tensor));
}

// θ' in numbers; the gradient of each step is handed to `see`.
template <class See>
Params descended(const InnerLoop& loop, Tape& tape, const Params& theta, const LossOf& support,
                 int steps, const See& see) {
  const std::vector<std::size_t> which = moved(loop, *theta.layout());
  Params weights = theta, g = theta.zeros_like();
  for (int step = 0; step < steps; ++step) {
    {
      const Tape::Scope scope(tape);
      const Bound p = bind(tape, weights);
      grad_into(support(p), p, g);
    }
    see(g);
    visit(theta.dtype(), [&]<class T>(T) {
      const std::span<T> w = weights.flat().template mutable_values<T>();
      const std::span<const T> d = g.flat().template values<T>(),
                               start = theta.flat().template values<T>();
      const auto pull = static_cast<T>(loop.proximal);
      for (const std::size_t i : which) {
        const ParamEntry& e = theta.entries()[i];
        const auto rate = static_cast<T>(rate_of(loop, theta, step, i));
        const auto first = static_cast<std::size_t>(e.offset),
                   last = first + static_cast<std::size_t>(e.shape.size());
        for (std::size_t k = first; k < last; ++k) w[k] -= rate * (d[k] + pull * (w[k] - start[k]));
      }
    });
  }
  return weights;
}

// dL/dθ of the inner minimum θ', from b = ∂L/∂θ'. Of what moves it is x = (I + H/λ)⁻¹ b, by
// conjugate gradients from b; what does not move also shifts the minimum: b - H x / λ.
Params solved(const InnerLoop& loop, Tape& tape, const Params& weights, const LossOf& support,
              const Params& b) {
  const std::vector<std::size_t> which = moved(loop, *weights.layout());
  const auto put = [&](const Params& from, Params to) {
    for (const std::size_t i : which) to.set(from.entries()[i].name, from[i]);
    return to;
  };
  const Tape::Scope scope(tape);
  const Bound p = bind(tape, weights);
  const Var loss = support(p);
  const auto times = [&](const Tensor& of) {
    const Tape::Scope inner(tape);
    const Params v(b.layout(), of);
    Params product = put(hessian_vector(loss, p, v), v.zeros_like());
    product.scale(1 / loop.proximal);
    product.add_scaled(1, v);
    return product.flat();
  };
  const Tensor right = put(b, b.zeros_like()).flat();
  // not convex there, in spite of λ: what is found so far stands
  const Params x(b.layout(), detail::conjugate_gradient(times, right, right, loop.solver_steps).x);
  Params whole = b;
  whole.add_scaled(-1 / loop.proximal, hessian_vector(loss, p, x));
  return put(x, std::move(whole));
}

// θ' = θ - Σ α g: dL/dα = -<∇L(θ'), g>, tensor by tensor.
Tensor gradient_of_rates(const InnerLoop& loop, const Params& theta, const Params& gradient,
                         const std::vector<Params>& steps) {
  const Tensor rates = theta[rates_name];
  Tensor answer = Tensor::zeros(rates.shape(), theta.dtype());
  visit(theta.dtype(), [&]<class T>(T) {
    const std::span<T> to = answer.mutable_values<T>();
    for (std::size_t step = 0; step < steps.size(); ++step)
      for (const std::size_t i : moved(loop, *theta.layout())) {
        const Tensor a = gradient[i], b = steps[step][i];
        const std::span<const T> x = a.values<T>(), y = b.values<T>();
        double product = 0;
        for (std::size_t k = 0; k < x.size(); ++k)
          product += static_cast<double>(x[k]) * static_cast<double>(y[k]);
        to[step * static_cast<std::size_t>(rates.shape()[1]) + i] = static_cast<T>(-product);
      }
  });
  return answer;
}

}  // namespace

void require_sound(const InnerLoop& loop) {
  if (loop.steps < 0 || loop.solver_steps < 0 || !(loop.proximal >= 0))
    throw DataError(
        fmt::format("inner loop: {} steps, {} of the solver, proximal {}: none may be "
                    "below 0",
                    loop.steps, loop.solver_steps, loop.proximal));
  if (loop.proximal > 0 && loop.learned_rates)
    throw DataError(
        "inner loop: learned rates have no gradient in implicit MAML: only the minimum counts");
}

Params with_rates(const InnerLoop& loop, const Params& theta) {
  const auto tensors = static_cast<std::int64_t>(theta.entries().size());
  return Params::join({theta, Params({{rates_name, Tensor::full({std::max(loop.steps, 1), tensors},
                                                                loop.rate, theta.dtype())}})});
}

Params descend(const InnerLoop& loop, Tape& tape, const Params& theta, const LossOf& support,
               int steps) {
  require_sound(loop);
  return descended(loop, tape, theta, support, steps, [](const Params&) {});
}

LossAndGradient through_steps(const InnerLoop& loop, Tape& tape, const Params& theta,
                              const LossOf& support, const LossOf& query) {
  require_sound(loop);
  const Tape::Scope scope(tape);
  if (loop.order == Order::exact && loop.proximal == 0) {
    const Bound p = bind(tape, theta);
    const Var loss = query(recorded_steps(loop, p, support));
    return {loss.item(), grad(loss, p)};
  }
  std::vector<Params> steps;  // their gradients, where rates are trained
  const Params weights = descended(loop, tape, theta, support, loop.steps, [&](const Params& g) {
    if (loop.learned_rates) steps.push_back(g);
  });
  LossAndGradient answer;
  {
    const Tape::Scope of_query(tape);
    const Bound p = bind(tape, weights);
    const Var loss = query(p);
    answer = {loss.item(), grad(loss, p)};
  }
  if (loop.proximal > 0) answer.gradient = solved(loop, tape, weights, support, answer.gradient);
  if (loop.learned_rates)
    answer.gradient.set(rates_name, gradient_of_rates(loop, theta, answer.gradient, steps));
  return answer;
}

}  // namespace metatape::metalearn
