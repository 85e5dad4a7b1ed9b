#include "metatape/metalearn/estimators/closed_systems.hpp"

#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

namespace metatape::metalearn {

namespace {

Tensor vector_of(std::span<const double> values) {
  return {Shape{static_cast<std::int64_t>(values.size())}, values};
}

double told(const InfluenceBalancing& c, std::size_t i) {
  return std::cmp_less(i, c.positive) ? 1 : -1;
}

// s = A s + bθ: s_n = 2 b_n θ, s_i = s_{i+1} + 2 b_i θ.
std::vector<double> at_rest(const InfluenceBalancing& c, double theta) {
  std::vector<double> s(static_cast<std::size_t>(c.numbers));
  double next = 0;
  for (std::size_t i = s.size(); i-- > 0;) s[i] = next += 2 * told(c, i) * theta;
  return s;
}

Dynamics chain(const InfluenceBalancing& c, std::int64_t steps, const std::vector<double>& start,
               bool last_only) {
  std::vector<double> signs;
  for (std::size_t i = 0; i < start.size(); ++i) signs.push_back(told(c, i));
  const Tensor b = vector_of(signs);
  const std::int64_t n = c.numbers;
  return dynamics(
      steps, Params({{"s", vector_of(start)}}),
      [b, n](const Bound& phi, const Bound& s, std::int64_t) {
        const Var here = s[0], zero = here.tape().constant(Tensor::zeros({1}, DType::f64));
        const Var above = concat({view_range(here, 1, Shape{n - 1}), zero});
        return std::vector{0.5 * (here + above) + phi[0] * b};
      },
      [steps, last_only](const Bound&, const Bound& s, std::int64_t t) {
        if (last_only && t < steps) return Var{};
        return 0.5 * sum(square(view_range(s[0], 0, Shape{1}) - 1.0));
      });
}

// θ -= α_t g, a rate a step.
struct StraightRates {
  std::int64_t steps;

  [[nodiscard]] static std::string name() { return "sgd from rate to rate"; }
  [[nodiscard]] static Params phi(DType dtype) { return PesTwoDimensional::phi(1, 1).to(dtype); }
  [[nodiscard]] static Params init(const Params&, const Params&, Key) { return {}; }
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& in,
                                     const Bound& state) const {
    const double share = static_cast<double>(in.step) / static_cast<double>(steps);
    const Var rate = (1 - share) * exp(phi["log_first_rate"]) + share * exp(phi["log_last_rate"]);
    return {Bound(in.theta.layout(), -(rate * in.gradient.flat())), state};
  }
};

}  // namespace

Dynamics InfluenceBalancing::run(std::int64_t steps) const {
  return chain(*this, steps, std::vector<double>(static_cast<std::size_t>(numbers), 1.0), false);
}

Dynamics InfluenceBalancing::run_at_rest(std::int64_t steps, double theta) const {
  return chain(*this, steps, at_rest(*this, theta), true);
}

double InfluenceBalancing::loss_at_rest(double theta) const {
  const double off = at_rest(*this, theta).front() - 1;
  return off * off / 2;
}

Params InfluenceBalancing::phi(double theta) {
  return Params({{"theta", Tensor::scalar(theta, DType::f64)}});
}

Dynamics PesTwoDimensional::run(std::int64_t steps) {
  return minimisation(tasks::test_function("pes_2d").sample(Key{}, DType::f64),
                      StraightRates{steps}, phi(1, 1), Key{}, {.steps = steps});
}

Params PesTwoDimensional::phi(double first_rate, double last_rate) {
  return Params({{"log_first_rate", Tensor::scalar(std::log(first_rate), DType::f64)},
                 {"log_last_rate", Tensor::scalar(std::log(last_rate), DType::f64)}});
}

Dynamics noisy_quadratic_run(const tasks::NoisyQuadratic& quadratic, std::int64_t steps,
                             RateOf rate) {
  const Tensor h = vector_of(quadratic.curvature), noise = vector_of(quadratic.noise);
  return dynamics(
      steps, Params({{"moments", vector_of(quadratic.start)}}),
      [h, noise, rate = std::move(rate)](const Bound& phi, const Bound& s, std::int64_t t) {
        const Var moved = rate(phi, t) * h;
        return std::vector{square(1.0 - moved) * s[0] + square(moved) * noise};
      },
      [h, steps](const Bound&, const Bound& s, std::int64_t t) {
        return t < steps ? Var{} : 0.5 * sum(s[0] * h);
      });
}

}  // namespace metatape::metalearn
