// Reverse in every way, forward, unroll() and central differences say the same of real unrolls.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;
using problems::distance;

namespace {

// A net 5 -> 4 tanh -> 3, each run with its own start and minibatches.
struct Nets {
  [[nodiscard]] std::string name() const { return "net"; }
  [[nodiscard]] tasks::OptimizeeInstance sample(Key key, DType dtype) const {
    return problems::net(key, dtype);
  }
};

constexpr std::int64_t steps = 5;

AnyOptimizer free_rates(const AnyOptimizer& o, std::initializer_list<const char*> names) {
  std::vector<FreeRate> rates;
  for (const char* name : names) rates.push_back(free_rate(name, o, steps));
  return tuned(o, rates, problems::net(Key{1}, DType::f64).initial);
}

std::vector<AnyOptimizer> optimizers() {
  return {Sgd{.learning_rate = 0.3},
          Momentum{.learning_rate = 0.1},
          free_rates(Sgd{.learning_rate = 0.3}, {"log_learning_rate/tensor/step"}),
          free_rates(Momentum{.learning_rate = 0.2}, {"learning_rate/step", "momentum"}),
          free_rates(Adam{.learning_rate = 0.05}, {"log_learning_rate/tensor", "beta1", "beta2"}),
          free_rates(RmsProp{.learning_rate = 0.05, .decay = 0.9}, {"learning_rate", "decay"}),
          LstmOptimizer{.hidden = 3, .scale = 0.3}};
}

}  // namespace

TEST_CASE("reverse, forward, unroll and central differences agree", "[estimators]") {
  for (const AnyOptimizer& o : optimizers()) {
    Params phi = o.phi(DType::f64);
    if (o.name() == "lstm")
      phi.add_scaled(0.2, Params(phi.layout(), normal({phi.size()}, Key{7}, DType::f64)));
    const System system = minimisations(Nets{}, o, {.steps = steps});
    const Dynamics run = system(phi, Key{3});
    INFO(o.name() << " of " << phi.size() << " numbers");
    const Estimate exact = estimate(Reverse{}, run, phi);
    for (const AnyEstimator& e :
         {AnyEstimator(Reverse{.segment = 1}), AnyEstimator(Reverse{.segment = 2})}) {
      CHECK(distance(estimate(e, run, phi).gradient, exact.gradient) < 1e-12);
      CHECK(estimate(e, run, phi).loss == Approx(exact.loss).epsilon(1e-13));
    }
    CHECK(distance(estimate(Forward{}, run, phi).gradient, exact.gradient) < 1e-10);

    const auto unrolled = [&](Order order) {
      return meta_gradient(Nets{}, o.with_phi(phi),
                           {.steps = steps, .order = order, .key = Key{3}, .dtype = DType::f64});
    };
    CHECK(distance(unrolled(Order::exact).gradient, exact.gradient) < 1e-11);
    CHECK(unrolled(Order::exact).loss == Approx(exact.loss).epsilon(1e-12));
    CHECK(distance(estimate(Reverse{.order = Order::first}, run, phi).gradient,
                   unrolled(Order::first).gradient) < 1e-11);

    UnrollScratch scratch;
    Params direction(phi.layout(), normal({phi.size()}, Key{9}, DType::f64));
    const auto loss_at = [&](double h) {
      Params moved = phi;
      moved.add_scaled(h, direction);
      return run_loss(run, moved, scratch);
    };
    const double h = 1e-4;  // fourth order: the error is h⁴
    const double numeric =
        (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) / (12 * h);
    CHECK(std::abs(exact.gradient.dot(direction) - numeric) <
          1e-8 * std::max(1.0, std::abs(numeric)));
  }
}

TEST_CASE("forward mode along directions of one's own", "[estimators]") {
  const AnyOptimizer o = Adam{.learning_rate = 0.05};
  const Params phi = o.phi(DType::f64);
  const Dynamics run = minimisations(Nets{}, o, {.steps = steps})(phi, Key{3});
  const Params exact = estimate(Reverse{}, run, phi).gradient;
  const auto along = [&](std::initializer_list<double> d) {
    return Params(phi.layout(), Tensor({4}, d));
  };
  const Forward two{.along = {along({1, 0, 0, 0}), along({0, 0.6, 0.8, 0})}};
  const Params part = estimate(two, run, phi).gradient;
  const double second = 0.6 * exact.flat().at(1) + 0.8 * exact.flat().at(2);
  CHECK(part.flat().at(0) == Approx(exact.flat().at(0)).epsilon(1e-10));
  CHECK(part.flat().at(1) == Approx(0.6 * second).epsilon(1e-10));
  CHECK(part.flat().at(2) == Approx(0.8 * second).epsilon(1e-10));
  CHECK(part.flat().at(3) == 0);
  CHECK_THROWS_AS(estimate(Forward{.along = {Params({{"x", Tensor({1}, {1.})}})}}, run, phi),
                  ShapeError);
}

TEST_CASE("a step at a time needs less memory than the whole run", "[estimators]") {
  const AnyOptimizer o = LstmOptimizer{.hidden = 8};
  const Params phi = o.phi(DType::f64);
  const Dynamics run = minimisations(Nets{}, o, {.steps = 64})(phi, Key{3});
  const auto bytes = [&](const Reverse& r) {
    UnrollScratch scratch;
    const Estimate e = estimate(r, run, phi, Key{}, scratch);
    return scratch.peak_together() + e.kept_bytes;
  };
  const std::size_t whole = bytes({}), pieces = bytes({.segment = 8}),
                    steps_alone = bytes({.segment = 1});
  CAPTURE(whole, pieces, steps_alone);
  CHECK(pieces * 4 < whole);
  CHECK(steps_alone * 8 < whole);
}

TEST_CASE("the gradient of where a run ends by where it began", "[estimators]") {
  const auto at = [](Order order) {
    return meta_gradient(
        tasks::make_optimizee("coupled"), Sgd{.learning_rate = 0.1},
        {.steps = 15, .order = order, .objective = final_loss(), .dtype = DType::f64});
  };
  CHECK(at(Order::exact).loss == Approx(0.0395519381974).epsilon(1e-11));
  CHECK(at(Order::exact).theta_gradient.flat().at(0) == Approx(0.0186729733594).epsilon(1e-10));
  CHECK(at(Order::exact).theta_gradient.flat().at(1) == Approx(-0.0302154515178).epsilon(1e-10));
  CHECK(at(Order::first).theta_gradient.flat().at(0) == Approx(0.173090994922).epsilon(1e-10));
  CHECK(at(Order::first).theta_gradient.flat().at(1) == Approx(-0.281707002734).epsilon(1e-10));
}

TEST_CASE("Adam's derivative where a gradient is nought", "[estimators]") {
  // y has no slope at all: its coordinate's g and second moment are 0
  const auto problem =
      tasks::optimizee(Params({{"x", Tensor({2}, {1., 2.})}}), [](const Bound& p, Key) {
        const Var x = slice(p["x"], 0, 0, 1), y = slice(p["x"], 0, 1, 2);
        return sum(square(x) + 0 * y);
      });
  const AnyOptimizer o = Adam{.learning_rate = 0.1};
  const Params phi = o.phi(DType::f64);
  const Dynamics run = minimisations(problem, o, {.steps = 3})(phi, Key{1});
  for (const char* name : {"exact", "exact-hvp", "checkpointed:8", "first", "forward"}) {
    const Estimate e = estimate(estimator_by_name(name), run, phi);
    INFO(name);
    CHECK(std::isfinite(e.gradient.norm()));
    CHECK(e.gradient["learning_rate"].item() < 0);
  }
  // the first step is α g / (|g| + ε): by α, f'(x_1) times -g / (|g| + ε), g = 2
  const double share = 2 / (2 + 1e-8);
  const Dynamics one = minimisations(problem, o, {.steps = 1})(phi, Key{1});
  CHECK(estimate(Reverse{}, one, phi).gradient["learning_rate"].item() ==
        Approx(-2 * (1 - 0.1 * share) * share).epsilon(1e-12));
}

TEST_CASE("free rates: names, shapes, what cannot be", "[estimators]") {
  const AnyOptimizer adam = Adam{.learning_rate = 0.01};
  const Params theta({{"a", Tensor::zeros({2, 3})}, {"b", Tensor::zeros({4})}});
  const AnyOptimizer o = tuned(
      adam, {free_rate("log_learning_rate/tensor/step", adam, 6), free_rate("beta1", adam, 6)},
      theta);
  const Params phi = o.phi(DType::f64);
  REQUIRE(phi.entries().size() == 2);
  CHECK(phi.entries()[0].name == "log_learning_rate");
  CHECK(phi.entries()[0].shape == Shape{6, 2});
  CHECK(phi.flat().at(0) == Approx(std::log(0.01)));
  CHECK(phi["beta1"].item() == 0.9);
  CHECK_THROWS_WITH(free_rate("learning_rat", adam, 1), Catch::Contains("learning_rate"));
  CHECK_THROWS_AS(free_rate("beta1/tensors", adam, 1), DataError);
  CHECK_THROWS_AS(tuned(adam, {free_rate("beta1/tensor", adam, 1)}), DataError);
  CHECK_THROWS_AS(tuned(Sgd{.learning_rate = 0}, {{.name = "learning_rate", .logarithm = true}}),
                  DataError);
}

TEST_CASE("names of estimators are read back as they are written", "[estimators]") {
  for (const char* name :
       {"exact", "exact-hvp", "first", "truncated:3", "truncated-first:4", "artbp:0.25",
        "roulette:0.5", "single-term:0.25", "forward", "forward:3", "uoro", "es:8", "es-baseline:8",
        "es-one-sided:8", "truncated-es:8:2", "pes:8:3", "nres:8:4", "cg:3", "neumann:5"})
    CHECK(estimator_by_name(name).name() == name);
  CHECK(estimator_by_name("pes:8", {.window = 6}).name() == "pes:8:6");
  CHECK(estimator_by_name("checkpointed").name() == "checkpointed:32");
  CHECK_THROWS_WITH(estimator_by_name("pess:3"), Catch::Contains("pes"));
  for (const char* name : {"es:4", "es-baseline:4", "truncated-es:2:3", "pes:4", "nres:4:2"})
    CHECK(estimator_info(name).perturbs);
  for (const char* name : {"exact", "forward:3", "truncated:2", "uoro", "artbp:0.1"})
    CHECK_FALSE(estimator_info(name).perturbs);
  CHECK_THROWS_WITH(estimator_info("pess:3"), Catch::Contains("did you mean 'pes'"));
  for (const char* name : {"truncated", "truncated:0", "truncated:1.5", "es:0", "es", "pes:3:0",
                           "artbp:1", "artbp:x", "exact:2", "roulette:1", "cg:-1", "pes:1:2:3"})
    CHECK_THROWS_AS(estimator_by_name(name), DataError);
}
