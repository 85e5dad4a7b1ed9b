// trial_test.cpp: trials against closed forms, and the choice of a rate.
#include "metatape/metalearn/optimizers/trial.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/metalearn/optimizers/tune.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// curvature / 2 x² from x = 1: gradient descent leaves (1 - rate curvature)^t of x.
tasks::AnyOptimizee bowl(double curvature) {
  return tasks::optimizee(Params({{"x", Tensor({}, {1.0})}}),
                          [=](const Bound& p, Key) { return (curvature / 2) * square(p["x"]); });
}

// Two functions side by side, of which one is a number only below 2.
tasks::AnyOptimizee half_broken() {
  struct Optimizee {
    [[nodiscard]] std::string name() const { return "half broken"; }
    [[nodiscard]] tasks::OptimizeeInstance sample(Key, DType dtype) const {
      return {.initial = Params({{"x", Tensor({2}, {1.0, 1.0})}}).to(dtype),
              .loss =
                  [](const Bound& p, Key) {
                    const Var x = p["x"];
                    return stack({-row(x, 0), log(2 - row(x, 1)) - 5 * row(x, 1)});
                  },
              .functions = 2};
    }
  };
  return Optimizee{};
}

}  // namespace

TEST_CASE("A trial of gradient descent follows its closed form", "[trial]") {
  const Trial trial = try_optimizer(Sgd{.learning_rate = 0.1}, bowl(2),
                                    {.steps = 6, .instances = 3, .dtype = DType::f64});
  REQUIRE(trial.losses.size() == 3);
  for (const auto& row : trial.losses) {
    REQUIRE(row.size() == 7);
    for (std::size_t t = 0; t < row.size(); ++t)
      CHECK(row[t] == Approx(std::pow(0.8, 2.0 * static_cast<double>(t))).epsilon(1e-12));
  }
  const TrialSummary s = summarise(trial);
  CHECK(s.mean == Approx(std::pow(0.64, 6)));
  CHECK(s.median == Approx(s.mean));
  CHECK(s.last5 == Approx((std::pow(0.64, 7) - std::pow(0.64, 2)) / (0.64 - 1) / 5));
  CHECK(s.sum == Approx((std::pow(0.64, 7) - 0.64) / (0.64 - 1)));
  CHECK(s.ci95 == Approx(0).margin(1e-15));
  CHECK(s.first_divergence == -1);
  CHECK(summarise(trial, 0).mean == Approx(1));
  CHECK_THROWS_WITH(summarise(trial, 7), "trial of 6 steps: there is no step 7");
}

TEST_CASE("A trial counts what diverges, and goes on with what does not", "[trial]") {
  const Trial trial = try_optimizer(Sgd{.learning_rate = 0.3}, half_broken(),
                                    {.steps = 10, .instances = 2, .dtype = DType::f64});
  REQUIRE(trial.losses.size() == 4);
  CHECK(!trial.diverged(0));
  CHECK(trial.diverged(1));
  const TrialSummary s = summarise(trial);
  CHECK(s.functions == 4);
  CHECK(s.diverged == 2);
  CHECK(s.first_divergence == static_cast<int>(trial.losses[1].size()));
  CHECK(s.mean == Approx(-(1 + 10 * 0.3)));
}

TEST_CASE("A trial has the same bits on any number of threads", "[trial]") {
  const auto losses = [](Threads* threads) {
    return try_optimizer(Adam{.learning_rate = 0.1}, bowl(3),
                         {.steps = 5, .instances = 7, .threads = threads})
        .losses;
  };
  const auto alone = losses(nullptr);
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    CHECK(losses(&threads) == alone);
  }
}

TEST_CASE("Tuning finds the rate that a quadratic asks for", "[tune]") {
  const Tuning t = tune_learning_rate(
      "sgd", bowl(4), {.trial = {.steps = 20, .instances = 1, .dtype = DType::f64}});
  CHECK(t.best == Approx(0.25).epsilon(0.08));  // 1 / curvature, on a grid of 10^(1/16)
  CHECK(!t.at_edge);
  CHECK(t.spec.starts_with("sgd:learning_rate=0.2"));
  for (std::size_t i = 1; i < t.grid.size(); ++i)
    CHECK(t.grid[i - 1].learning_rate < t.grid[i].learning_rate);

  // beyond the first grid
  const Tuning far = tune_learning_rate("momentum:momentum=0", bowl(1e-3),
                                        {.trial = {.steps = 20, .instances = 1}});
  CHECK(far.best == Approx(1000).epsilon(0.08));
  CHECK(!far.at_edge);
}

TEST_CASE("Tuning refuses what cannot be", "[tune]") {
  CHECK_THROWS_WITH(tune_learning_rate("sgd:learning_rate=0.1", bowl(1)),
                    "optimizer 'sgd:learning_rate=0.1': it says its learning_rate already");
  CHECK_THROWS_WITH(tune_learning_rate("sgd", bowl(1), {.low = 0}),
                    "tuning: rates from 0 to 10: 0 < low <= high expected");
  const auto nowhere = tasks::optimizee(Params({{"x", Tensor({}, {-1.0})}}),
                                        [](const Bound& p, Key) { return log(p["x"]); });
  CHECK_THROWS_AS(tune_learning_rate("sgd", nowhere, {.trial = {.steps = 1, .instances = 1}}),
                  NumericError);
}
