// Derivatives of optima: implicit MAML, ridge regression, Neumann's series as the end of an unroll.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

Params vec(const char* name, std::initializer_list<double> x) {
  return Params({{name, Tensor({static_cast<std::int64_t>(x.size())}, x)}});
}

// ½ wᵀ H w + ½ ‖w - θ‖², H = [[3, 1], [1, 2]]
Var inner_loss(const Bound& w, const Bound& theta) {
  const Var x = slice(w.flat(), 0, 0, 1), y = slice(w.flat(), 0, 1, 2);
  return sum(1.5 * square(x) + x * y + square(y)) + 0.5 * sum(square(w.flat() - theta.flat()));
}
// <(1, -2), w>
Var outer_loss(const Bound& w, const Bound&) { return sum(w.flat() * Tensor({2}, {1.0, -2.0})); }

}  // namespace

TEST_CASE("implicit MAML: conjugate gradients are exact after two steps", "[estimators]") {
  // w* = (H + I)⁻¹ θ for θ = (1, 1): (2, 3) / 11
  const Params w = vec("w", {2. / 11, 3. / 11}), theta = vec("theta", {1, 1});
  const auto at = [&](int k) {
    return implicit_gradient(inner_loss, outer_loss, w, theta, {.iterations = k});
  };
  CHECK(at(1).gradient.flat().at(0) == Approx(5. / 12).epsilon(1e-12));
  CHECK(at(1).gradient.flat().at(1) == Approx(-10. / 12).epsilon(1e-12));
  const ImplicitGradient two = at(2);
  CHECK(two.gradient.flat().at(0) == Approx(5. / 11).epsilon(1e-12));
  CHECK(two.gradient.flat().at(1) == Approx(-9. / 11).epsilon(1e-12));
  CHECK(two.residual < 1e-12);
  CHECK(two.inner_gradient_norm < 1e-12);
  CHECK_FALSE(two.negative_curvature);
  // away from the optimum it says so
  CHECK(implicit_gradient(inner_loss, outer_loss, vec("w", {1, 1}), theta).inner_gradient_norm > 1);
}

TEST_CASE("implicit MAML by Neumann's series", "[estimators]") {
  const Params w = vec("w", {2. / 11, 3. / 11}), theta = vec("theta", {1, 1});
  const auto at = [&](int k) {
    return implicit_gradient(inner_loss, outer_loss, w, theta,
                             {.solver = Solver::neumann, .iterations = k, .rate = 0.2})
        .gradient;
  };
  const auto error = [&](int k) {
    const double x = at(k).flat().at(0) - 5. / 11, y = at(k).flat().at(1) + 9. / 11;
    return std::hypot(x, y) / std::hypot(5. / 11, 9. / 11);
  };
  CHECK(at(0).flat().at(0) == Approx(0.2).epsilon(1e-12));
  CHECK(at(0).flat().at(1) == Approx(-0.4).epsilon(1e-12));
  CHECK(at(5).flat().at(0) == Approx(0.444416).epsilon(1e-10));
  CHECK(at(5).flat().at(1) == Approx(-0.801792).epsilon(1e-10));
  CHECK(at(10).flat().at(0) == Approx(0.45414678528).epsilon(1e-10));
  CHECK(at(10).flat().at(1) == Approx(-0.81753675776).epsilon(1e-10));
  CHECK(error(5) == Approx(.0206).epsilon(0.005));
  CHECK(error(10) == Approx(8.10e-4).epsilon(0.005));
  CHECK(error(20) == Approx(1.25e-6).epsilon(0.005));
  CHECK(error(50) < 1e-14);
}

TEST_CASE("negative curvature is met, said and not followed", "[estimators]") {
  const auto saddle = [](const Bound& w, const Bound& phi) {
    const Var x = slice(w.flat(), 0, 0, 1), y = slice(w.flat(), 0, 1, 2);
    return sum(square(x) - square(y)) + sum(w.flat() * phi.flat());
  };
  const Params w = vec("w", {0, 0}), phi = vec("phi", {0, 0});
  CHECK(implicit_gradient(saddle, outer_loss, w, phi).negative_curvature);
  const ImplicitGradient damped = implicit_gradient(saddle, outer_loss, w, phi, {.damping = 5});
  CHECK_FALSE(damped.negative_curvature);
  CHECK(damped.gradient.flat().at(0) == Approx(-1. / 7));
  CHECK(damped.gradient.flat().at(1) == Approx(2. / 3));
  CHECK_THROWS_AS(implicit_gradient(saddle, outer_loss, w, phi, {.damping = -1}), DataError);
}

TEST_CASE("ridge regression: the penalty's gradient at the optimum and by unrolling",
          "[estimators]") {
  const tasks::AnyOptimizee ridge = tasks::make_optimizee("ridge");
  const tasks::OptimizeeInstance f = ridge.sample(Key{1}, DType::f64);
  const Params penalty = f.settings;
  REQUIRE(penalty["penalty"].item() == 0.5);
  const BilevelLoss g = [&](const Bound& w, const Bound& s) {
    return sum(f.loss_with(w, s, Key{}));
  };
  const BilevelLoss e = [&](const Bound& w, const Bound& s) {
    return sum(f.objective_with(w, s, Key{}));
  };
  const ImplicitGradient at =
      implicit_gradient(g, e, Params(f.initial.layout(), Tensor({2}, {10. / 11, 0.})), penalty);
  CHECK(at.inner_gradient_norm < 1e-12);
  CHECK(at.loss == Approx(0.25826446281).epsilon(1e-10));
  CHECK(at.gradient.flat().at(0) == Approx(0.030052592036).epsilon(1e-10));

  const AnyOptimizer o = tuned(Sgd{.learning_rate = 0.1}, {});
  const Params phi = penalty.prefixed("settings");
  const auto unrolled = [&](std::int64_t steps, const char* name) {
    return estimate(
               estimator_by_name(name),
               minimisations(ridge, o, {.steps = steps, .objective = RunObjective::final_value})(
                   phi, Key{1}),
               phi)
        .gradient.flat()
        .at(0);
  };
  CHECK(unrolled(1, "exact") == Approx(0).margin(1e-14));
  CHECK(unrolled(10, "exact") == Approx(0.030019158005).epsilon(1e-10));
  CHECK(unrolled(50, "exact") == Approx(0.030052592036).epsilon(1e-10));
  CHECK(unrolled(50, "forward") == Approx(0.030052592036).epsilon(1e-10));
  CHECK(unrolled(200, "cg:2") == Approx(0.030052592036).epsilon(1e-10));
  CHECK(unrolled(200, "neumann:200") == Approx(0.030052592036).epsilon(1e-10));
  // the series of K terms is reverse mode through the last K + 1 steps at the optimum
  CHECK(unrolled(204, "neumann:2") ==
        Approx(unrolled(204, "truncated:3")).epsilon(1e-9).margin(1e-12));
}
