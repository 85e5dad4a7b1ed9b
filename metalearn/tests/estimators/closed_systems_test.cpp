// closed_systems_test.cpp: the systems with known gradients have those gradients.
#include "metatape/metalearn/estimators/closed_systems.hpp"

#include "../support/catch.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/estimators/systems_by_name.hpp"

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

TEST_CASE("systems by name are those, at the numbers asked for", "[closed_systems]") {
  const auto look = [](const char* spec, std::int64_t steps) {
    const NamedSystem named = system_by_name(spec);
    return estimate(AnyEstimator(), named.runs(steps)(named.phi, Key{5}), named.phi);
  };
  CHECK(look("influence-balancing", 100).gradient["theta"].item() == about(3571.6306256));
  CHECK(look("influence-balancing:start=rest", 5).gradient["theta"].item() == about(-20));
  CHECK(look("influence-balancing:start=rest,theta=0.25", 1).loss ==
        about(InfluenceBalancing{}.loss_at_rest(0.25)));
  const InfluenceBalancing small{.numbers = 4, .positive = 1};
  const Estimate four = look("influence-balancing:n=4,positive=1,theta=2", 7);
  CHECK(four.loss == estimate(AnyEstimator(), small.run(7), InfluenceBalancing::phi(2)).loss);
  CHECK(look("pes-2d", 100).loss == about(2490.5567522));
  const Estimate far = look("pes-2d:first_rate=1", 100);
  CHECK(far.gradient["log_last_rate"].item() == Approx(-.00084482866604).epsilon(1e-9));
  const auto q = tasks::NoisyQuadratic::harmonic(20, 0.5);
  const Estimate noisy = look("noisy-quadratic:coordinates=20,noise=0.5,rate=0.3", 30);
  CHECK(noisy.loss == about(q.excess(q.after(0.3, 30))));
  CHECK(noisy.gradient["log_rate"].item() == about(0.3 * q.slope(0.3, 30)));
  for (const tasks::SpecInfo& info : systems_by_name()) {
    std::string spec = info.name, separator = ":";
    for (const auto& key : info.keys) {
      spec += separator + key.name + "=" + key.standard;
      separator = ",";
    }
    INFO(spec);
    CHECK(look(spec.c_str(), 3).loss == look(info.name.c_str(), 3).loss);
  }
}

TEST_CASE("systems by name: what cannot be is named", "[closed_systems]") {
  const std::pair<const char*, const char*> rows[] = {
      {"influence", "unknown system 'influence'"},
      {"pes-3d", "unknown system 'pes-3d'; did you mean 'pes-2d'?"},
      {"pes-2d:rate=1", "system pes-2d: unknown key 'rate'"},
      {"pes-2d:first_rate", "system pes-2d: first_rate has no value (above 0)"},
      {"pes-2d:first_rate=0", "first_rate=0: a number from 1e-12 to 1000000 expected"},
      {"influence-balancing:n=1", "n=1: a whole number from 2 to 100000 expected"},
      {"influence-balancing:n=2.5", "n=2.5: a whole number from 2"},
      {"influence-balancing:n=x", "n=x: a whole number from 2"},
      {"influence-balancing:n=5,positive=6", "positive=6: a whole number from 0 to 5 expected"},
      {"influence-balancing:n=5,positive=2,n=5", "n is given twice"},
      {"influence-balancing:start=end", "start=end: ones or rest expected"},
  };
  for (const auto& [spec, says] : rows) {
    INFO(spec);
    CHECK_THROWS_WITH(system_by_name(spec), Catch::Contains(says));
    CHECK_THROWS_AS(system_by_name(spec), DataError);
  }
}
