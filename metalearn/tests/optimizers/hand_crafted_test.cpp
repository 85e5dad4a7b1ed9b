// hand_crafted_test.cpp: the optimizers that people wrote, against steps worked out by hand, the
// recorded form against the plain one, and gradients through steps against differences.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/autodiff/check.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// θ after two steps from (1, -2) with gradients (0.5, 0), then (-0.25, 0).
std::vector<double> two_steps(const AnyOptimizer& optimizer, std::vector<double>* first) {
  Params theta({{"x", Tensor({2}, {1.0, -2.0})}});
  Params state = optimizer.init_state(theta);
  optimizer.update(theta, Params({{"x", Tensor({2}, {0.5, 0.0})}}), state, 0);
  *first = theta.flat().to_vector();
  optimizer.update(theta, Params({{"x", Tensor({2}, {-0.25, 0.0})}}), state, 1);
  return theta.flat().to_vector();
}

void check_steps(const AnyOptimizer& optimizer, double after_one, double after_two,
                 double untouched_one = -2, double untouched_two = -2) {
  std::vector<double> one;
  const std::vector<double> two = two_steps(optimizer, &one);
  INFO(optimizer.name());
  CHECK(std::abs(one[0] - after_one) < 1e-14);
  CHECK(std::abs(two[0] - after_two) < 1e-14);
  CHECK(std::abs(one[1] - untouched_one) < 1e-14);  // no gradient: not moved, nor divided by 0
  CHECK(std::abs(two[1] - untouched_two) < 1e-14);
}

// Rates of everyday size, but no share so close to 1 that differences cannot be taken there.
const std::vector<const char*> specs{
    "sgd:learning_rate=0.1",
    "momentum:learning_rate=0.1,momentum=0.8",
    "nesterov:learning_rate=0.1,momentum=0.8",
    "rmsprop:learning_rate=0.1,decay=0.7,epsilon=0.01",
    "adagrad:learning_rate=0.1,epsilon=0.01",
    "adam:learning_rate=0.1,beta1=0.6,beta2=0.7,epsilon=0.01",
    "adamw:learning_rate=0.1,beta1=0.6,beta2=0.7,epsilon=0.01,weight_decay=0.3"};

// Not quadratic, so that no derivative along the way is constant.
Var bowl(const Bound& theta) {
  return sum(0.5 * square(theta["a"])) - 0.3 * sum(cos(theta["b"])) +
         0.2 * sum(theta["a"]) * sum(sin(theta["b"]));
}

Params beginning() {
  return Params(
      {{"a", Tensor({2, 2}, {1.0, -0.5, 0.25, 2.0})}, {"b", Tensor({3}, {0.7, -1.1, 0.4})}});
}

// The loss after five recorded steps, from (rates..., θ_0).
Var after_five(const AnyOptimizer& optimizer, std::span<const Var> x) {
  const Params rates = optimizer.phi(DType::f64), start = beginning();
  const Bound phi(rates.layout(), std::vector<Var>(x.begin(), x.end() - 1));
  Bound theta(start.layout(), x.back());
  Bound state = bind_constant(x.back().tape(), optimizer.init_state(start));
  for (int step = 0; step < 5; ++step) {
    const Bound gradient = recorded_grad(bowl(theta), theta);
    const OptimizerOutput out = optimizer.step(
        phi, {.theta = theta, .gradient = gradient, .step = step, .rate_scale = 1 - 0.1 * step},
        state);
    theta = theta + out.updates;
    state = out.state;
  }
  return bowl(theta);
}

}  // namespace

TEST_CASE("SGD, momentum and Nesterov step as worked out by hand", "[optimizers]") {
  check_steps(Sgd{.learning_rate = 0.1}, 0.95, 0.975);
  // v = 0.5, then 0.9 · 0.5 - 0.25 = 0.2
  check_steps(Momentum{.learning_rate = 0.1, .momentum = 0.9}, 0.95, 0.93);
  // 0.5 + 0.9 · 0.5 = 0.95, then -0.25 + 0.9 · 0.2 = -0.07
  check_steps(Nesterov{.learning_rate = 0.1, .momentum = 0.9}, 0.905, 0.912);
}

TEST_CASE("RMSprop and Adagrad step as worked out by hand", "[optimizers]") {
  // s = 0.1 · 0.25 = 0.025, then 0.9 · 0.025 + 0.1 · 0.0625 = 0.02875
  const double rms = 1 - 0.05 / (std::sqrt(0.025) + 1e-3);
  check_steps(RmsProp{.learning_rate = 0.1, .decay = 0.9, .epsilon = 1e-3}, rms,
              rms + 0.025 / (std::sqrt(0.02875) + 1e-3));
  // s = 0.25, then 0.3125
  const double ada = 1 - 0.05 / (0.5 + 1e-3);
  check_steps(Adagrad{.learning_rate = 0.1, .epsilon = 1e-3}, ada,
              ada + 0.025 / (std::sqrt(0.3125) + 1e-3));
}

TEST_CASE("Adam and AdamW step as worked out by hand", "[optimizers]") {
  // m = 0.05, s = 0.00025: corrected 0.5 and 0.25;
  // then m = 0.045 - 0.025 = 0.02, s = 0.00024975 + 0.0000625 = 0.00031225, by 0.19 and 0.001999
  const double first = 0.1 * 0.5 / (0.5 + 1e-3);
  const double second = 0.1 * (0.02 / 0.19) / (std::sqrt(0.00031225 / 0.001999) + 1e-3);
  check_steps(Adam{.learning_rate = 0.1, .epsilon = 1e-3}, 1 - first, 1 - first - second);
  // each step also takes 0.1 · 0.2 of θ away
  const double decayed = 0.98 - first;
  check_steps(AdamW{.learning_rate = 0.1, .epsilon = 1e-3, .weight_decay = 0.2}, decayed,
              0.98 * decayed - second, -2 * 0.98, -2 * 0.98 * 0.98);
}

TEST_CASE("a schedule's factor scales the rate, weight decay too", "[optimizers]") {
  for (const char* spec : specs) {
    const AnyOptimizer optimizer = optimizer_by_name(spec);
    Params whole = beginning(), half = beginning(), state = optimizer.init_state(whole);
    const Params gradient = beginning();
    optimizer.update(whole, gradient, state, 0);
    state = optimizer.init_state(half);
    optimizer.update(half, gradient, state, 0, 0.5);
    CAPTURE(spec);
    for (std::int64_t i = 0; i < whole.size(); ++i)
      CHECK(half.flat().at(i) - gradient.flat().at(i) ==
            Approx(0.5 * (whole.flat().at(i) - gradient.flat().at(i))).epsilon(1e-12));
  }
}

TEST_CASE("the recorded form of each optimizer is the plain one", "[optimizers]") {
  for (const char* spec : specs) {
    CAPTURE(spec);
    const AnyOptimizer optimizer = optimizer_by_name(spec);
    Params theta = beginning(), plain_state = optimizer.init_state(theta);
    Tape tape;
    const Bound phi = bind(tape, optimizer.phi(DType::f64));
    Bound recorded = bind(tape, theta);
    Bound state = bind_constant(tape, plain_state);
    for (int step = 0; step < 8; ++step) {
      const double scale = 1 - 0.1 * step;
      const Bound gradient = recorded_grad(bowl(recorded), recorded);
      optimizer.update(theta, gradient.value(), plain_state, step, scale);
      const OptimizerOutput out = optimizer.step(
          phi, {.theta = recorded, .gradient = gradient, .step = step, .rate_scale = scale}, state);
      recorded = recorded + out.updates;
      state = out.state;
      const Params now = recorded.value(), its_state = state.value();
      for (std::int64_t i = 0; i < now.size(); ++i)
        CHECK(std::abs(now.flat().at(i) - theta.flat().at(i)) <= 1e-12);
      REQUIRE(its_state.size() == plain_state.size());
      for (std::int64_t i = 0; i < its_state.size(); ++i)
        CHECK(std::abs(its_state.flat().at(i) - plain_state.flat().at(i)) <= 1e-12);
    }
  }
}

TEST_CASE("gradients through five steps, with respect to each rate and the start, are right",
          "[optimizers]") {
  for (const char* spec : specs) {
    CAPTURE(spec);
    const AnyOptimizer optimizer = optimizer_by_name(spec);
    std::vector<Tensor> inputs;
    const Params rates = optimizer.phi(DType::f64);
    for (std::size_t i = 0; i < rates.entries().size(); ++i)
      inputs.push_back(rates[rates.entries()[i].name]);
    inputs.push_back(beginning().flat());
    const CheckResult all =
        check_gradients([&](std::span<const Var> x) { return after_five(optimizer, x); }, inputs);
    CHECK(all.first_order <= 1e-7);
    CHECK(all.recorded <= 1e-10);
    CHECK(all.second_order <= 1e-5);
    // One rate at a time: a small derivative must not hide behind a large one.
    for (std::size_t moved = 0; moved + 1 < inputs.size(); ++moved) {
      CAPTURE(rates.entries()[moved].name);
      const CheckResult one = check_gradients(
          [&](std::span<const Var> x) {
            std::vector<Var> vars;
            for (const Tensor& t : inputs) vars.push_back(x[0].tape().variable(t));
            vars[moved] = x[0];
            return after_five(optimizer, vars);
          },
          {&inputs[moved], 1}, {.draws = 2, .recorded = false, .second = false});
      CHECK(one.first_order <= 1e-7);
    }
  }
}

TEST_CASE("an optimizer refuses a gradient of other names or shapes", "[optimizers]") {
  for (const char* spec : specs) {
    const AnyOptimizer optimizer = optimizer_by_name(spec);
    Params theta = beginning(), state = optimizer.init_state(theta);
    REQUIRE_THROWS_WITH(
        optimizer.update(theta, Params({{"a", Tensor({1}, {1.0})}}), state, 0),
        optimizer.name() +
            ": theta of 2 tensors and 7 elements, gradient of 1 and 1: equal names and shapes are "
            "needed");
  }
}
