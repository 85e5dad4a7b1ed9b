// Landscapes: losses, slopes and smoothing of a polynomial, planes and their gradients, divergence,
// and refusals.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// One step of gradient descent on x² from 1: L(φ) = (1 - 2φ)²
const System step = minimisations(tasks::bowl(2, 1), Sgd{0.1}, {.steps = 1});
const Params rate = AnyOptimizer(Sgd{0.1}).phi(DType::f64);

Params along(const Params& phi, std::int64_t i) {
  Params d = phi.zeros_like();
  d.flat().mutable_values<double>()[static_cast<std::size_t>(i)] = 1;
  return d;
}

}  // namespace

TEST_CASE("landscape: loss, slopes and smoothed losses on a line", "[laboratory]") {
  Params twice = along(rate, 0);
  twice.scale(2);
  const std::vector<double> values{-0.3, 0, 0.05, 0.4};
  const auto points = landscape_of(step, rate, {twice, values}, {},
                                   {.estimators = {AnyEstimator(), estimator_by_name("es:3")},
                                    .sigmas = {0.1, 0.2},
                                    .smoothing_samples = 4000});
  REQUIRE(points.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const LandscapePoint& p = points[i];
    const double u = 1 - 2 * (0.1 + 2 * values[i]);
    CHECK(p.a == values[i]);
    CHECK(p.loss == Approx(u * u).epsilon(1e-13));
    REQUIRE(p.slopes.size() == 2);
    CHECK(p.slopes[0] == Approx(-8 * u).epsilon(1e-12));  // 2 dL/dφ
    CHECK(p.slopes[1] * u < 0);
    // E (u - 2σε)² = u² + 4σ²
    REQUIRE(p.smoothed.size() == 2);
    CHECK(p.smoothed[0] - p.loss == Approx(0.04).epsilon(0.1));
    CHECK(p.smoothed[1] - p.loss == Approx(0.16).epsilon(0.1));
    // mirrored draws, the same everywhere: the difference does not depend on where
    CHECK(p.smoothed[0] - p.loss == Approx(points[0].smoothed[0] - points[0].loss).epsilon(1e-10));
    CHECK(p.smoothed[1] - p.loss ==
          Approx(4 * (points[0].smoothed[0] - points[0].loss)).epsilon(1e-10));
  }
}

TEST_CASE("landscape: a plane, threads, and points where the run is lost", "[laboratory]") {
  const AnyOptimizer momentum = Momentum{0.1, 0.5};
  const Params phi = momentum.phi(DType::f64);
  const auto system = minimisations(tasks::bowl(2, 1), momentum, {.steps = 30});
  const LandscapeAxis first{along(phi, 0), {0, 1e20, 0.1}}, second{along(phi, 1), {-0.5, 0}};
  const LandscapeOptions options{
      .estimators = {AnyEstimator()}, .sigmas = {0.01}, .smoothing_samples = 6, .key = Key(8)};
  const auto alone = landscape_of(system, phi, first, second, options);
  REQUIRE(alone.size() == 6);
  UnrollScratch scratch;
  for (std::size_t i = 0; i < 6; ++i) {
    const LandscapePoint& p = alone[i];
    CHECK(p.a == first.values[i % 3]);
    CHECK(p.b == second.values[i / 3]);
    const AnyOptimizer there = Momentum{0.1 + p.a, 0.5 + p.b};
    const Params at = there.phi(DType::f64);
    CHECK(p.loss == run_loss(system(at, Key(8)), at, scratch));
    CHECK(std::isinf(p.loss) == (p.a > 1));
    CHECK(std::isnan(p.slopes[0]) == (p.a > 1));
    CHECK(std::isinf(p.smoothed[0]) == (p.a > 1));
  }
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    const auto again = landscape_of(system, phi, first, second, options, &threads);
    REQUIRE(again.size() == 6);
    for (const std::size_t i : {0U, 2U, 3U, 5U}) {
      CHECK(again[i].loss == alone[i].loss);
      CHECK(again[i].slopes == alone[i].slopes);
      CHECK(again[i].smoothed == alone[i].smoothed);
    }
  }
  LandscapeOptions soon = options;
  int asked = 0;
  soon.stop = [&] { return ++asked > 2; };
  CHECK(landscape_of(system, phi, first, second, soon).size() == 2);
}

TEST_CASE("landscape: gradients over a plane are its central differences", "[laboratory]") {
  // Skew axes, neither of length 1.
  const AnyOptimizer momentum = Momentum{1e-3, 0.5};
  const Params phi = momentum.phi(DType::f64);
  const auto system = minimisations(tasks::test_function("himmelblau"), momentum, {.steps = 20});
  Params skew = along(phi, 1);
  skew.add_scaled(2e-3, along(phi, 0));
  constexpr double h = 1e-5;
  const std::vector<double> steps{-h, 0, h};
  Params rates = along(phi, 0);
  rates.scale(0.01);
  const auto points = landscape_of(system, phi, {rates, steps}, {skew, steps},
                                   {.estimators = {AnyEstimator(), estimator_by_name("forward")},
                                    .gradients_along = 1,
                                    .key = Key(3)});
  REQUIRE(points.size() == 9);
  const auto loss = [&](std::size_t column, std::size_t row) {
    return points[3 * row + column].loss;
  };
  const double first = (loss(2, 1) - loss(0, 1)) / (2 * h);
  const double second = (loss(1, 2) - loss(1, 0)) / (2 * h);
  CHECK(std::abs(first - second) > 0.1 * std::abs(first));  // so that a swap would be seen
  for (const std::size_t e : {0U, 1U}) {
    CHECK(points[4].slopes.at(e) == Approx(first).epsilon(1e-5));
    CHECK(points[4].slopes_across.at(e) == Approx(second).epsilon(1e-5));
  }
  for (const std::size_t other : {0U, 1U, 3U, 5U, 8U}) {
    CHECK(points[other].slopes.empty());
    CHECK(points[other].slopes_across.empty());
  }
}

TEST_CASE("landscape: gradients at some values of each axis, evenly spread", "[laboratory]") {
  const AnyOptimizer momentum = Momentum{0.1, 0.5};
  const Params phi = momentum.phi(DType::f64);
  const auto system = minimisations(tasks::bowl(2, 1), momentum, {.steps = 2});
  std::vector<double> eight(8), three{0, 0.1, 0.2};
  for (std::size_t i = 0; i < 8; ++i) eight[i] = 0.01 * static_cast<double>(i);
  const LandscapeAxis first{along(phi, 0), eight}, second{along(phi, 1), three};
  for (const std::int64_t most : {0, 4, 5}) {
    const auto points = landscape_of(system, phi, first, second,
                                     {.estimators = {AnyEstimator()}, .gradients_along = most});
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < points.size(); ++i) {
      CHECK(points[i].slopes.size() == points[i].slopes_across.size());
      CHECK(points[i].slopes.size() == points[i % 8].slopes.size());  // all three rows
      if (i < 8 && !points[i].slopes.empty()) columns.push_back(i);
    }
    CHECK(columns == (most == 0   ? std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7}
                      : most == 4 ? std::vector<std::size_t>{1, 3, 5, 7}
                                  : std::vector<std::size_t>{0, 2, 4, 5, 7}));
  }
  const auto line =
      landscape_of(system, phi, first, {}, {.estimators = {AnyEstimator()}, .gradients_along = 2});
  for (const LandscapePoint& p : line) CHECK((p.slopes.size() == 1 && p.slopes_across.empty()));
}

TEST_CASE("landscape: refusals", "[laboratory]") {
  const LandscapeAxis sound{along(rate, 0), {0, 1}};
  CHECK_THROWS_WITH(landscape_of(step, rate, {rate.to(DType::f32), {0}}, {}),
                    "landscape: the first direction is f32, phi f64: they do not mix");
  CHECK_THROWS_WITH(
      landscape_of(step, rate, {Params({{"p", Tensor({3}, {1.0, 2.0, 3.0})}}), {0}}, {}),
      "landscape: the first direction has 3 numbers, phi 1: equal names and shapes are "
      "needed");
  CHECK_THROWS_WITH(landscape_of(step, rate, {along(rate, 0), {}}, {}),
                    "landscape: the first axis has no values");
  CHECK_THROWS_WITH(landscape_of(step, rate, sound, {along(rate, 0), {}}),
                    "landscape: the second axis has no values");
  CHECK_THROWS_WITH(landscape_of(step, rate, sound, {}, {.sigmas = {0.1, 0}}),
                    "landscape: sigma 0: above 0 expected");
  CHECK_THROWS_WITH(landscape_of(step, rate, sound, {}, {.sigmas = {0.1}, .smoothing_samples = 0}),
                    "landscape: 0 smoothing samples: 1 or more expected");
  CHECK_THROWS_WITH(landscape_of(step, rate, sound, {}, {.gradients_along = -1}),
                    "landscape: gradients at -1 values of an axis: 0 (all) or more expected");
}
