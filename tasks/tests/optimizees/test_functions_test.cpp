// test_functions_test.cpp: every function's derivatives, minima and starts; known values by hand.
#include "metatape/tasks/optimizees/test_functions.hpp"

#include <cmath>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "support/catch.hpp"
#include "support/optimizees.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

std::vector<TestFunction> all() {
  std::vector<TestFunction> functions = test_functions();
  functions.push_back(bowl(2, 1));
  functions.push_back(bowl(0.1, -3));
  functions.push_back(double_well());
  return functions;
}

double value(const TestFunction& f, const std::vector<double>& x) {
  const auto instance = f.sample(Key(1), DType::f64);
  return losses(instance, at(instance, Tensor({static_cast<std::int64_t>(x.size())},
                                              std::span<const double>(x))))
      .item();
}

}  // namespace

TEST_CASE("test functions: derivatives hold at three starts of each") {
  for (TestFunction f : all()) {
    CAPTURE(f.called);
    f.functions = 3;
    check(f.sample(Key(4), DType::f64), 1e-5);
  }
}

TEST_CASE("test functions: at each minimum the value is the stated one and the gradient is 0") {
  for (const TestFunction& f : all()) {
    CAPTURE(f.called);
    const auto instance = f.sample(Key(1), DType::f64);
    for (const auto& point : f.minima) {
      CHECK(value(f, point) == Approx(f.minimum).margin(1e-9));
      const Params theta = at(instance, Tensor({static_cast<std::int64_t>(point.size())},
                                               std::span<const double>(point)));
      // points are given to six digits at least, so the slope is that times the curvature
      CHECK(gradient(instance, theta).norm() < 2e-4);
      for (int i = 0; i < 20; ++i) {  // nowhere near is it less
        const Tensor step =
            normal({theta.size()}, Key(2).split(static_cast<std::uint64_t>(i)), DType::f64);
        Params near = theta;
        near.add_scaled(0.01, Params(theta.layout(), step));
        CHECK(losses(instance, near).item() >= f.minimum - 1e-9);
      }
    }
  }
}

TEST_CASE("test functions: no start lies below the minimum, and starts keep to their ranges") {
  for (TestFunction f : all()) {
    if (f.minima.empty()) continue;
    CAPTURE(f.called);
    f.functions = 500;
    const auto instance = f.sample(Key(6), DType::f64);
    for (const double v : losses(instance, instance.initial).to_vector())
      CHECK(v >= f.minimum - 1e-9);
    const auto n = static_cast<std::int64_t>(f.start.size());
    for (std::int64_t i = 0; i < 500 * n; ++i) {
      const StartRange& s = f.start[static_cast<std::size_t>(i % n)];
      if (s.law == StartRange::Law::normal) continue;
      CHECK(instance.initial.flat().at(i) >= s.a);
      CHECK(instance.initial.flat().at(i) <= s.b);
    }
  }
}

TEST_CASE("test functions: values by hand") {
  struct Row {
    const char* name;
    std::vector<double> x;
    double f;
  };
  const double e = std::exp(1.0), pi = std::acos(-1.0);
  const std::vector<Row> rows = {
      {"rosenbrock", {-1, 2}, 4 + 100},
      {"booth", {0, 0}, 49 + 25},
      {"beale", {0, 0}, 1.5 * 1.5 + 2.25 * 2.25 + 2.625 * 2.625},
      {"matyas", {1, -1}, 0.52 + 0.48},
      {"himmelblau", {0, 0}, 121 + 49},
      {"styblinski_tang", {1, 0}, -5 + 80},
      {"rastrigin", {1, 0.5}, 20 + 1 - 10 + 0.25 + 10},
      {"ackley", {1, 1}, -20 * std::exp(-0.2) - e + e + 20},
      {"ackley", {0.5, 0.5}, -20 * std::exp(-0.1) - 1 / e + e + 20},
      {"branin", {0, 6}, 10 * (1 - 1 / (8 * pi)) + 10},
      {"log_sum_exp", {0, 0}, std::log(3 * std::exp(-0.1) + 1)},
      {"michalewicz", {pi / 2, 0}, 2 - std::pow(std::sin(pi / 4), 10)},
      {"mccormick", {0, 0}, 2.92},
      {"saddle", {3, 2}, 5},
      {"coupled", {1, -2}, 1.5 - 2 + 4},
      {"quartic", {1, -0.7}, 0.25 * (1 + 0.2401) - 0.35},
      {"pes_2d",
       {1, 1},
       std::sqrt(6) - std::sqrt(5) + std::pow(std::sin(1), 2) * std::exp(-5) + 99 / 4.0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(value(test_function(row.name), row.x) == Approx(row.f).margin(1e-12));
  }
  CHECK(value(bowl(3, 1), {2}) == 6);
  CHECK(value(double_well(), {2}) == 2);
}

TEST_CASE("test functions: functions side by side, by key, in either type") {
  TestFunction f = test_function("rosenbrock");
  f.functions = 4;
  CHECK(f.name() == "rosenbrock:functions=4");
  const auto many = f.sample(Key(1), DType::f64);
  const auto again = f.sample(Key(1));
  CHECK(many.initial["theta"].shape() == Shape{4, 2});
  CHECK(losses(many, many.initial).shape() == Shape{4});
  CHECK(identical(many.initial.to(DType::f32), again.initial));
  CHECK_FALSE(identical(f.sample(Key(2)).initial, again.initial));
  const auto one = test_function("rosenbrock").sample(Key(1), DType::f64);
  CHECK(losses(one, one.initial).shape() == Shape{});
  CHECK(losses(one, one.initial).item() == losses(many, many.initial).at(0));
  CHECK(identical(one.initial["theta"], many.initial["theta"].rows(0, 1)));
  f.functions = 0;
  CHECK_THROWS_WITH(f.sample(Key(1)), "rosenbrock: 0 functions: 1 or more are needed");
}

TEST_CASE("test functions: the closed cases start where they are said to") {
  for (const auto& [name, x, y] : {std::tuple{"coupled", 1.0, -2.0},
                                   {"quartic", 1.0, -0.7},
                                   {"pes_2d", 1.0, 1.0},
                                   {"noisy_quadratic", 1.0, 10.0}}) {
    const auto instance = test_function(name).sample(Key(9), DType::f64);
    CHECK(instance.initial.flat().to_vector() == std::vector<double>{x, y});
  }
  CHECK(bowl(2, 1.5).sample(Key(9)).initial.flat().to_vector() == std::vector<double>{1.5});
}

TEST_CASE("test functions: a bowl under gradient descent goes as u^t") {
  const auto instance = bowl(2, 1).sample(Key(1), DType::f64);
  Params x = instance.initial;
  for (int t = 0; t < 10; ++t) x.add_scaled(-0.1, gradient(instance, x));
  CHECK(x.flat().item() == Approx(0.1073741824).epsilon(1e-12));
  CHECK(losses(instance, x).item() == Approx(0.0115292150461).epsilon(1e-11));
}

TEST_CASE("test functions: the noisy quadratic's mean loss is that of its closed form") {
  TestFunction f = test_function("noisy_quadratic");
  f.functions = 20000;
  const auto instance = f.sample(Key(1), DType::f64);
  const Tensor first = losses(instance, instance.initial, Key(1));
  CHECK(identical(first, losses(instance, instance.initial, Key(1))));
  CHECK_FALSE(identical(first, losses(instance, instance.initial, Key(2))));
  double mean = 0;
  for (const double v : first.to_vector()) mean += v / 20000;
  CHECK(mean == Approx(0.5 * (1 * (1 + 1) + 0.1 * (100 + 1))).epsilon(0.01));
}

TEST_CASE("test functions: names differ, and an unknown one is answered with the nearest") {
  std::set<std::string> names;
  for (const TestFunction& f : test_functions()) names.insert(f.called);
  CHECK(names.size() == test_functions().size());
  CHECK_THROWS_WITH(test_function("rosenbrok"),
                    "unknown test function 'rosenbrok'; did you mean 'rosenbrock'?");
}
