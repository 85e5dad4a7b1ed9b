// Horizons: runs and windows of the closed case against its table, divergence, and refusals.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

std::function<System(std::int64_t)> descents(const tasks::AnyOptimizee& problem,
                                             const AnyOptimizer& optimizer) {
  return [=](std::int64_t steps) { return minimisations(problem, optimizer, {.steps = steps}); };
}
const Params rate = AnyOptimizer(Sgd{0.1}).phi(DType::f64);

std::vector<std::int64_t> steps_of(const std::vector<HorizonPoint>& points) {
  std::vector<std::int64_t> steps;
  for (const HorizonPoint& p : points) steps.push_back(p.steps);
  return steps;
}

}  // namespace

TEST_CASE("horizon: gradient descent on x², by length and by window", "[laboratory]") {
  // Σ_{t<=T} f from x = 1 at α = .1: dL/dα of runs of T, and of windows of K of the run of 20
  const Horizon h = horizon_of(descents(tasks::bowl(2, 1), Sgd{0.1}), rate, 20);
  const std::vector<std::int64_t> lengths{1, 2, 5, 10, 20};
  const double runs[] = {-3.2, -7.296, -17.26795776, -23.381866933, -24.6644452603};
  const double windows[] = {-8.88770735289, -12.356080954, -19.3425533009, -23.6514415051,
                            -24.6644452603};
  REQUIRE(steps_of(h.runs) == lengths);
  REQUIRE(steps_of(h.windows) == lengths);
  CHECK(h.gradient.flat().item() == Approx(runs[4]).epsilon(1e-10));
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(h.runs[i].norm == Approx(-runs[i]).epsilon(1e-10));
    CHECK(h.runs[i].relative_bias == Approx(runs[i] / runs[4] - 1).margin(1e-10));
    CHECK(h.windows[i].norm == Approx(-windows[i]).epsilon(1e-10));
    CHECK(h.windows[i].relative_bias == Approx(windows[i] / runs[4] - 1).margin(1e-10));
    for (const HorizonPoint& p : {h.runs[i], h.windows[i]}) {
      CHECK(p.cosine == Approx(1).epsilon(1e-12));
      CHECK(!p.diverged);
    }
    CHECK(h.windows[i].loss == Approx(1.77754147058).epsilon(1e-10));
  }
  CHECK(h.runs[2].loss == Approx(1.5868903424).epsilon(1e-10));

  const Horizon first = horizon_of(descents(tasks::bowl(2, 1), Sgd{0.1}), rate, 20,
                                   {.lengths = {5, 400}, .order = Order::first});
  CHECK(steps_of(first.runs) == std::vector<std::int64_t>{5, 20});
  CHECK(first.runs[0].norm == Approx(22.047793152).epsilon(1e-10));
  CHECK(first.windows[0].norm == Approx(24.6966445099).epsilon(1e-10));
}

TEST_CASE("horizon: several directions, threads and stop", "[laboratory]") {
  const AnyOptimizer adam = Adam{0.1};
  const Params phi = adam.phi(DType::f64);
  const auto system = descents(tasks::test_function("noisy_quadratic"), adam);
  const HorizonOptions options{.lengths = {1, 4, 9}, .key = Key(4)};
  const Horizon alone = horizon_of(system, phi, 23, options);
  const Estimate whole = estimate(AnyEstimator(), system(23)(phi, Key(4)), phi);
  CHECK(cosine(alone.gradient, whole.gradient) == Approx(1).epsilon(1e-12));
  CHECK(alone.gradient.norm() == Approx(whole.gradient.norm()).epsilon(1e-10));
  const Estimate cut = estimate(Reverse{.truncation = 4}, system(23)(phi, Key(4)), phi);
  CHECK(alone.windows[1].cosine == Approx(cosine(cut.gradient, whole.gradient)).epsilon(1e-9));
  CHECK(alone.windows[1].cosine < 1);
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    const Horizon h = horizon_of(system, phi, 23, options, &threads);
    CHECK(identical(h.gradient, alone.gradient));
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(h.runs[i].norm == alone.runs[i].norm);
      CHECK(h.windows[i].cosine == alone.windows[i].cosine);
    }
  }
  HorizonOptions soon = options;
  int asked = 0;
  soon.stop = [&] { return ++asked > 2; };
  const Horizon part = horizon_of(system, phi, 23, soon);
  CHECK(steps_of(part.runs) == std::vector<std::int64_t>{1, 23});
  CHECK(steps_of(part.windows) == std::vector<std::int64_t>{23});
  soon.stop = [] { return true; };
  CHECK(horizon_of(system, phi, 23, soon).runs.empty());
}

TEST_CASE("horizon: a run that diverges at some length", "[laboratory]") {
  // x' = -999 x: f overflows before step 52
  const Params wild = AnyOptimizer(Sgd{500}).phi(DType::f64);
  const Horizon h =
      horizon_of(descents(tasks::bowl(2, 1), Sgd{500}), wild, 100, {.lengths = {1, 10, 40, 70}});
  for (const HorizonPoint& p : h.runs) {
    CHECK(p.diverged.has_value() == (p.steps > 50));
    CHECK(std::isinf(p.norm) == (p.steps > 50));
    CHECK(p.cosine == 0);
    CHECK(std::isnan(p.relative_bias));
  }
  CHECK(h.runs.back().diverged == 52);
  CHECK(h.gradient.flat().item() == 0);
}

TEST_CASE("horizon: refusals", "[laboratory]") {
  const auto system = descents(tasks::bowl(2, 1), Sgd{0.1});
  CHECK_THROWS_WITH(horizon_of(system, rate, 0), "horizon: 0 steps: 1 or more expected");
  CHECK_THROWS_WITH(horizon_of(system, rate, 9, {.lengths = {3, 3}}),
                    "horizon: length 3 after 3: lengths ascend from 1");
  CHECK_THROWS_WITH(horizon_of(system, rate, 9, {.lengths = {0}}),
                    "horizon: length 0 after 0: lengths ascend from 1");
}
