// elementwise.cpp: the rows of functions of one Var.
#include <limits>

#include "row.hpp"

namespace metatape::checks {

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

const std::vector<std::vector<Shape>> shapes{{{}}, {{0}}, {{1}}, {{7}}, {{2, 3}}, {{3, 1, 37}}};

Row unary(const char* name, Var (*f)(Var), Draw draw = {}, std::vector<Point> points = {}) {
  return {.name = name,
          .call = [f](std::span<const Var> x) { return f(x[0]); },
          .shapes = shapes,
          .draw = {draw},
          .points = std::move(points)};
}

Point at(std::initializer_list<double> x, std::initializer_list<double> y) {
  const Shape s{static_cast<std::int64_t>(x.size())};
  return {{Tensor(s, x)}, Tensor(s, y)};
}

constexpr Draw positive{.low = 0.3, .high = 3};
constexpr Draw off_zero{.low = -2, .high = 2, .gap = 0.2};

}  // namespace

void add_elementwise(std::vector<Row>& table) {
  table.push_back(unary("neg", neg));
  table.push_back(unary("exp", exp, {}, {at({-inf, 0, inf, nan, -1000}, {0, 1, inf, nan, 0})}));
  table.push_back(unary("expm1", expm1, {}, {at({-inf, 0, inf}, {-1, 0, inf})}));
  table.push_back(unary("log", log, positive, {at({0, 1, inf, -1}, {-inf, 0, inf, nan})}));
  table.push_back(unary("log1p", log1p, positive, {at({-1, 0, inf}, {-inf, 0, inf})}));
  table.push_back(unary("sqrt", sqrt, positive, {at({0, 4, inf, -1}, {0, 2, inf, nan})}));
  table.push_back(unary("rsqrt", rsqrt, positive, {at({0, 4, inf}, {inf, 0.5, 0})}));
  table.push_back(unary("square", square, {}, {at({-3, 0, inf}, {9, 0, inf})}));
  table.push_back(unary("abs", abs, off_zero, {at({-3, 0, -inf, nan}, {3, 0, inf, nan})}));
  table.push_back(unary("sin", sin, {}, {at({0, inf}, {0, nan})}));
  table.push_back(unary("cos", cos, {}, {at({0, inf}, {1, nan})}));
  table.push_back(unary("tanh", tanh, {}, {at({-inf, 0, inf, 100, nan}, {-1, 0, 1, 1, nan})}));
  table.push_back(unary("sigmoid", sigmoid, {}, {at({-inf, 0, inf, nan}, {0, 0.5, 1, nan})}));
  table.push_back(unary("relu", relu, off_zero, {at({-3, 0, 3, inf, nan}, {0, 0, 3, inf, nan})}));
  table.push_back(unary("softplus", softplus, {}, {at({-1000, 1000, -inf}, {0, 1000, 0})}));
  table.push_back(unary("gelu", gelu, {}, {at({0, 40, -40}, {0, 40, 0})}));
  table.push_back(unary("erf", erf, {}, {at({-inf, 0, inf}, {-1, 0, 1})}));
  table.push_back(unary("asinh", asinh, {}, {at({0, inf}, {0, inf})}));
  table.push_back(unary("reciprocal", reciprocal, off_zero, {at({2, inf, 0}, {0.5, 0, inf})}));

  Row step = unary("sign", sign, {}, {at({-3, 0, 2, nan}, {-1, 0, 1, nan})});
  step.differentiable = false;
  table.push_back(step);

  Row leaky = unary("leaky_relu", nullptr, off_zero, {at({-2, 0, 2}, {-0.2, 0, 2})});
  leaky.call = [](std::span<const Var> x) { return leaky_relu(x[0], 0.1); };
  table.push_back(leaky);
  Row smooth = unary("elu", nullptr, off_zero, {at({-inf, 0, 2}, {-1.5, 0, 2})});
  smooth.call = [](std::span<const Var> x) { return elu(x[0], 1.5); };
  table.push_back(smooth);
  Row held = unary("clamp", nullptr, {.low = -0.9, .high = 0.9},
                   {at({-2, -1, 0, 1, 2, nan}, {-1, -1, 0, 1, 1, nan})});
  held.call = [](std::span<const Var> x) { return clamp(x[0], -1, 1); };
  table.push_back(held);
  Row cut = held;  // outside the bounds the slope is 0
  cut.name = "clamp outside";
  cut.draw = {{.low = 1.5, .high = 3}};
  table.push_back(cut);
  table.push_back({.name = "cast",
                   .call =
                       [](std::span<const Var> x) {
                         // There and back: the rounding to float32 hides from small differences,
                         // so only the exact way up is checked where the input is float64.
                         return x[0].dtype() == DType::f64
                                    ? cast(x[0], DType::f64)
                                    : cast(cast(x[0], DType::f64), DType::f32);
                       },
                   .shapes = shapes});
  table.push_back({.name = "straight_through",
                   .call =
                       [](std::span<const Var> x) {
                         return straight_through(x[0] * 2.0, stop_gradient(x[0] * 2.0));
                       },
                   .shapes = {{{1}}, {{5}}, {{2, 3}}},
                   .refusals = {}});
  table.back().differentiable = false;  // its gradient is not its value's derivative
}

}  // namespace metatape::checks
