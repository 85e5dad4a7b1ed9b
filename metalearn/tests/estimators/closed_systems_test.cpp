// closed_systems_test.cpp: the systems with known gradients have those gradients.
#include "metatape/metalearn/estimators/closed_systems.hpp"

#include "../support/catch.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

Approx about(double x) { return Approx(x).epsilon(1e-10); }

double slope(const Dynamics& run, const Params& phi) {
  return estimate(AnyEstimator(), run, phi).gradient.flat().values<double>()[0];
}

}  // namespace

TEST_CASE("influence balancing: a window of 40 steps or less has the wrong sign",
          "[closed_systems]") {
  const InfluenceBalancing chain;
  const Params phi = InfluenceBalancing::phi(0.5);
  for (const auto& [window, expected] : {std::pair{1, -4.0},
                                         {5, -20},
                                         {10, -40},
                                         {20, -65.90423584},
                                         {30, -39.479728371},
                                         {40, -2.2621521578},
                                         {50, 19.010682376},
                                         {100, 23.999999913}}) {
    INFO(window);
    CHECK(slope(chain.run_at_rest(window, 0.5), phi) == about(expected));
  }
  const Estimate whole = estimate(AnyEstimator(), chain.run(100), phi);
  CHECK(whole.loss == about(994.78435838));
  CHECK(whole.gradient["theta"].item() == about(3571.6306256));
  CHECK(chain.loss_at_rest(0.5) == about(8));
  CHECK(chain.loss_at_rest(-1.0 / 6) == Approx(0).margin(1e-15));
}

TEST_CASE("the noisy quadratic's moments, recorded, are those of the closed form",
          "[closed_systems]") {
  const tasks::NoisyQuadratic q{.curvature = {1, 0.1}, .noise = {1, 1}, .start = {1, 100}};
  const RateOf constant = [](const Bound& phi, std::int64_t) { return phi["rate"]; };
  const Params phi({{"rate", Tensor::scalar(0.2, DType::f64)}});
  for (const std::int64_t steps : {1, 10, 100}) {
    INFO(steps);
    const Estimate e = estimate(AnyEstimator(), noisy_quadratic_run(q, steps, constant), phi);
    CHECK(e.loss == about(q.excess(q.after(0.2, steps))));
    CHECK(e.gradient["rate"].item() == about(q.slope(0.2, steps)));
  }
}
