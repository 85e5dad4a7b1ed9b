// test_functions.cpp: one entry a function. The constants of minima were computed in float64 by
// Newton's method and are held by the tests.
#include "metatape/tasks/optimizees/test_functions.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "draws.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::tasks {
namespace {

constexpr double pi = std::numbers::pi;
using X = std::span<const Var>;

std::vector<StartRange> box(double low, double high) {
  return {2, {StartRange::Law::uniform, low, high}};
}
std::vector<StartRange> gaussian(double deviation) {
  return {2, {StartRange::Law::normal, 0, deviation}};
}
std::vector<StartRange> always(std::initializer_list<double> point) {
  std::vector<StartRange> start;
  for (const double x : point) start.push_back({StartRange::Law::uniform, x, x});
  return start;
}

TestFunction ackley() {
  return {.called = "ackley",
          .formula = "-20 exp(-.2 sqrt((x²+y²)/2)) - exp((cos 2πx + cos 2πy)/2) + e + 20",
          .value =
              [](X x, Key) {
                // norm has slope 0 at 0, where the root of a sum of squares has none
                const Var radius = norm(stack({x[0], x[1]}, 1), 1) * std::sqrt(0.5);
                const Var waves = 0.5 * (cos(2 * pi * x[0]) + cos(2 * pi * x[1]));
                return -20 * exp(-0.2 * radius) - exp(waves) + (std::numbers::e + 20);
              },
          .start = box(-32.768, 32.768),
          .minima = {{0, 0}},
          .minimum = 0};
}

TestFunction beale() {
  return {.called = "beale",
          .formula = "(1.5-x+xy)² + (2.25-x+xy²)² + (2.625-x+xy³)²",
          .value =
              [](X x, Key) {
                const Var y2 = square(x[1]), y3 = y2 * x[1];
                return square(1.5 - x[0] + x[0] * x[1]) + square(2.25 - x[0] + x[0] * y2) +
                       square(2.625 - x[0] + x[0] * y3);
              },
          .start = box(-4.5, 4.5),
          .minima = {{3, 0.5}},
          .minimum = 0};
}

TestFunction booth() {
  return {
      .called = "booth",
      .formula = "(x+2y-7)² + (2x+y-5)²",
      .value = [](X x, Key) { return square(x[0] + 2 * x[1] - 7) + square(2 * x[0] + x[1] - 5); },
      .start = box(-10, 10),
      .minima = {{1, 3}},
      .minimum = 0};
}

TestFunction branin() {
  return {.called = "branin",
          .formula = "(y - 5.1x²/4π² + 5x/π - 6)² + 10 (1 - 1/8π) cos x + 10",
          .value =
              [](X x, Key) {
                const Var ridge = x[1] - 5.1 / (4 * pi * pi) * square(x[0]) + 5 / pi * x[0] - 6;
                return square(ridge) + 10 * (1 - 1 / (8 * pi)) * cos(x[0]) + 10;
              },
          .start = {{StartRange::Law::uniform, -5, 10}, {StartRange::Law::uniform, 0, 15}},
          .minima = {{-pi, 12.275}, {pi, 2.275}, {3 * pi, 2.475}},
          .minimum = 0.39788735772973816};
}

TestFunction himmelblau() {
  return {.called = "himmelblau",
          .formula = "(x²+y-11)² + (x+y²-7)²",
          .value =
              [](X x, Key) {
                return square(square(x[0]) + x[1] - 11) + square(x[0] + square(x[1]) - 7);
              },
          .start = box(-5, 5),
          .minima = {{3, 2},
                     {-2.8051180869527448, 3.1313125182505730},
                     {-3.7793102533777469, -3.2831859912861694},
                     {3.5844283403304918, -1.8481265269644036}},
          .minimum = 0};
}

TestFunction log_sum_exp() {
  return {
      .called = "log_sum_exp",
      .formula = "log(e^(x+3y-.1) + e^(x-3y-.1) + e^(-x-.1) + 1)",
      .value =
          [](X x, Key) {
            return logsumexp(
                stack({x[0] + 3 * x[1] - 0.1, x[0] - 3 * x[1] - 0.1, -x[0] - 0.1, 0.0 * x[0]}, 1),
                1);
          },
      .start = gaussian(1),
      .minima = {{-std::numbers::ln2 / 2, 0}},
      .minimum = 1.2695545396};
}

TestFunction matyas() {
  return {
      .called = "matyas",
      .formula = ".26 (x²+y²) - .48 xy",
      .value = [](X x, Key) { return 0.26 * (square(x[0]) + square(x[1])) - 0.48 * x[0] * x[1]; },
      .start = box(-10, 10),
      .minima = {{0, 0}},
      .minimum = 0};
}

TestFunction mccormick() {
  return {.called = "mccormick",
          .formula = "sin(x+y) + (x-y)² - 1.5x + 2.5y + 1 + 1.92",
          .value =
              [](X x, Key) {
                return sin(x[0] + x[1]) + square(x[0] - x[1]) - 1.5 * x[0] + 2.5 * x[1] + 2.92;
              },
          .start = {{StartRange::Law::uniform, -1.5, 4}, {StartRange::Law::uniform, -3, 4}},
          .minima = {{0.5 - pi / 3, -0.5 - pi / 3}},
          .minimum = 2.92 - std::numbers::sqrt3 / 2 - pi / 3 - 1};
}

TestFunction michalewicz() {
  return {.called = "michalewicz",
          .formula = "2 - sin x sin¹⁰(x²/π) - sin y sin¹⁰(2y²/π)",
          .value =
              [](X x, Key) {
                return 2 - sin(x[0]) * pow(sin(square(x[0]) / pi), 10) -
                       sin(x[1]) * pow(sin(2 / pi * square(x[1])), 10);
              },
          .start = box(0, pi),
          .minima = {{2.185312, pi / 2}},
          .minimum = 0.1933771147};
}

TestFunction rastrigin() {
  return {.called = "rastrigin",
          .formula = "20 + x² - 10 cos 2πx + y² - 10 cos 2πy",
          .value =
              [](X x, Key) {
                return 20 + square(x[0]) + square(x[1]) -
                       10 * (cos(2 * pi * x[0]) + cos(2 * pi * x[1]));
              },
          .start = box(-5.12, 5.12),
          .minima = {{0, 0}},
          .minimum = 0};
}

TestFunction rosenbrock() {
  return {.called = "rosenbrock",
          .formula = "(1-x)² + 100 (y-x²)²",
          .value = [](X x, Key) { return square(1 - x[0]) + 100 * square(x[1] - square(x[0])); },
          .start = box(-5, 10),
          .minima = {{1, 1}},
          .minimum = 0};
}

TestFunction saddle() {
  return {.called = "saddle",
          .formula = "x² - y²: falls without end",
          .value = [](X x, Key) { return square(x[0]) - square(x[1]); },
          .start = gaussian(1)};
}

TestFunction styblinski_tang() {
  return {.called = "styblinski_tang",
          .formula = "(x⁴ - 16x² + 5x + y⁴ - 16y² + 5y)/2 + 80",
          .value =
              [](X x, Key) {
                const auto one = [](Var v) {
                  const Var s = square(v);
                  return square(s) - 16 * s + 5 * v;
                };
                return 0.5 * (one(x[0]) + one(x[1])) + 80;
              },
          .start = box(-5, 5),
          .minima = {{-2.903534, -2.903534}},
          .minimum = 1.6676685925};
}

// ---- closed cases: small enough for the derivatives of whole runs to be known

TestFunction coupled() {
  return {.called = "coupled",
          .formula = "½ xᵀ H x, H = [[3, 1], [1, 2]], from (1, -2)",
          .value = [](X x, Key) { return 1.5 * square(x[0]) + x[0] * x[1] + square(x[1]); },
          .start = always({1, -2}),
          .minima = {{0, 0}},
          .minimum = 0};
}

TestFunction quartic() {
  return {.called = "quartic",
          .formula = "(x⁴+y⁴)/4 + xy/2, from (1, -.7)",
          .value =
              [](X x, Key) {
                return 0.25 * (square(square(x[0])) + square(square(x[1]))) + 0.5 * x[0] * x[1];
              },
          .start = always({1, -0.7}),
          .minima = {{std::sqrt(0.5), -std::sqrt(0.5)}, {-std::sqrt(0.5), std::sqrt(0.5)}},
          .minimum = -0.125};
}

// Vicol, Metz and Sohl-Dickstein (2021), their two-dimensional test.
TestFunction pes_2d() {
  return {.called = "pes_2d",
          .formula = "√(x²+5) - √5 + sin² y e^(-5x²) + |y-100|/4, from (1, 1)",
          .value =
              [](X x, Key) {
                const Var x2 = square(x[0]);
                return sqrt(x2 + 5) - std::sqrt(5.0) + square(sin(x[1])) * exp(-5 * x2) +
                       0.25 * abs(x[1] - 100);
              },
          .start = always({1, 1})};
}

// Wu, Ren, Liao and Grosse (2018): the target moves, so short horizons choose rates that are too
// small.
TestFunction noisy_quadratic() {
  return {.called = "noisy_quadratic",
          .formula = "½ ((x-c)² + .1 (y-d)²), c, d ~ N(0, 1) at every step, from (1, 10)",
          .value =
              [](X x, Key key) {
                const Shape& shape = x[0].shape();
                const Var from_c = x[0] - normal(shape, key.split("c"), x[0].dtype());
                const Var from_d = x[1] - normal(shape, key.split("d"), x[1].dtype());
                return 0.5 * square(from_c) + 0.05 * square(from_d);
              },
          .start = always({1, 10})};
}

}  // namespace

const std::vector<TestFunction>& test_functions() {
  static const std::vector<TestFunction> all = {
      ackley(),          beale(),     booth(),       branin(),    himmelblau(),     log_sum_exp(),
      matyas(),          mccormick(), michalewicz(), rastrigin(), rosenbrock(),     saddle(),
      styblinski_tang(), coupled(),   pes_2d(),      quartic(),   noisy_quadratic()};
  return all;
}

TestFunction test_function(std::string_view name) {
  std::vector<std::string> names;
  for (const TestFunction& f : test_functions()) {
    if (f.called == name) return f;
    names.push_back(f.called);
  }
  throw DataError(fmt::format("unknown test function '{}'{}", name, did_you_mean(name, names)));
}

TestFunction bowl(double curvature, double start) {
  return {.called = fmt::format("bowl:curvature={},start={}", curvature, start),
          .formula = "curvature/2 x²",
          .value = [curvature](X x, Key) { return 0.5 * curvature * square(x[0]); },
          .start = always({start}),
          .minima = {{0}},
          .minimum = 0};
}

TestFunction double_well(double start) {
  return {.called = fmt::format("double_well:start={}", start),
          .formula = "x⁴/4 - x²/2",
          .value =
              [](X x, Key) {
                const Var s = square(x[0]);
                return 0.25 * square(s) - 0.5 * s;
              },
          .start = always({start}),
          .minima = {{-1}, {1}},
          .minimum = -0.25};
}

std::string TestFunction::name() const {
  if (functions == 1) return called;
  return fmt::format("{}{}functions={}", called, called.find(':') == std::string::npos ? ':' : ',',
                     functions);
}

OptimizeeInstance TestFunction::sample(Key key, DType dtype) const {
  if (functions < 1)
    throw DataError(fmt::format("{}: {} functions: 1 or more are needed", called, functions));
  const auto n = static_cast<std::int64_t>(start.size());
  Tensor theta = Tensor::uninitialised({functions, n}, dtype);
  Random random(key.split("start"));
  visit(dtype, [&]<class T>(T) {
    auto to = theta.mutable_values<T>().begin();
    for (int f = 0; f < functions; ++f)
      for (const StartRange& s : start)
        *to++ = static_cast<T>(s.law == StartRange::Law::normal ? random.normal(s.a, s.b)
                                                                : random.uniform(s.a, s.b));
  });
  return {.initial = Params({{"theta", theta}}),
          .loss =
              [f = value, count = functions, n](const Bound& p, Key step) {
                std::vector<Var> x;
                for (std::int64_t i = 0; i < n; ++i)
                  x.push_back(reshape(slice(p["theta"], 1, i, i + 1), Shape{count}));
                return side_by_side(f(x, step), count);
              },
          .functions = functions};
}

}  // namespace metatape::tasks
