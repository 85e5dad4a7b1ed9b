// binary.cpp: the rows of functions of two Vars, and of the arithmetic operators.
#include <limits>

#include "row.hpp"

namespace metatape::checks {

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

const std::vector<std::vector<Shape>> shapes{
    {{}, {}},        {{0}, {1}},       {{7}, {7}},          {{5}, {}},           {{}, {3, 2}},
    {{3, 5}, {5}},   {{3, 1}, {1, 4}}, {{2, 1, 3}, {7, 1}}, {{2, 3, 5}, {3, 1}}, {{37}, {37}},
    {{4, 0}, {4, 1}}};

Row binary(const char* name, Var (*f)(Var, Var), std::vector<Draw> draw = {Draw{}},
           std::vector<Point> points = {}) {
  return {.name = name,
          .call = [f](std::span<const Var> x) { return f(x[0], x[1]); },
          .shapes = shapes,
          .draw = std::move(draw),
          .points = std::move(points),
          .refusals = {
              {{{2, 3}, {4}},
               std::string(name) + ": [2, 3] and [4]: extents 3 and 4 are neither equal nor 1"}}};
}

Row comparison(const char* name, Var (*f)(Var, Var), std::initializer_list<double> holds) {
  Row r = binary(name, f, {Draw{}},
                 {{{Tensor({4}, {1.0, 2.0, 3.0, nan}), Tensor({4}, {2.0, 2.0, 2.0, 2.0})},
                   Tensor({4}, holds)}});
  r.differentiable = false;
  return r;
}

Point both(std::initializer_list<double> a, std::initializer_list<double> b,
           std::initializer_list<double> y) {
  const Shape s{static_cast<std::int64_t>(a.size())};
  return {{Tensor(s, a), Tensor(s, b)}, Tensor(s, y)};
}

constexpr Draw off_zero{.low = -2, .high = 2, .gap = 0.3};
constexpr Draw positive{.low = 0.3, .high = 2};
constexpr Draw low{.low = -3, .high = -0.1}, high{.low = 0.1, .high = 3};

}  // namespace

void add_binary(std::vector<Row>& table) {
  table.push_back(binary("add", add, {Draw{}}, {both({inf, 1}, {-inf, nan}, {nan, nan})}));
  table.push_back(binary("sub", sub));
  table.push_back(binary("mul", mul, {Draw{}}, {both({0, 2}, {inf, 3}, {nan, 6})}));
  table.push_back(
      binary("div", div, {Draw{}, off_zero}, {both({1, 0, -1}, {0, 0, 0}, {inf, nan, -inf})}));
  table.push_back(binary("pow", pow, {positive, Draw{}}, {both({2, 0, 5}, {3, 2, 0}, {8, 0, 1})}));
  table.push_back({.name = "pow by a number",
                   .call = [](std::span<const Var> x) { return pow(x[0], 3) + pow(x[0], 0); },
                   .shapes = {{{1}}, {{5}}, {{2, 3}}}});
  table.push_back(binary("maximum", maximum, {low, high},
                         {both({1, nan, 2}, {3, 1, 2}, {3, nan, 2}), both({1}, {nan}, {nan})}));
  table.push_back(binary("minimum", minimum, {low, high},
                         {both({1, nan, 2}, {3, 1, 2}, {1, nan, 2}), both({1}, {nan}, {nan})}));
  table.push_back(comparison("equal", equal, {0.0, 1.0, 0.0, 0.0}));
  table.push_back(comparison("less", less, {1.0, 0.0, 0.0, 0.0}));
  table.push_back(comparison("less_equal", less_equal, {1.0, 1.0, 0.0, 0.0}));
  table.push_back(comparison("greater", greater, {0.0, 0.0, 1.0, 0.0}));
  table.push_back(comparison("greater_equal", greater_equal, {0.0, 1.0, 1.0, 0.0}));
  table.push_back(
      {.name = "where",
       .call =
           [](std::span<const Var> x) {
             return where(greater(x[0], x[0].tape().constant(0, x[0].dtype())), x[1], x[2]);
           },
       .shapes = {{{5}, {5}, {5}}, {{3, 1}, {4}, {}}, {{}, {2, 3}, {2, 3}}, {{0}, {1}, {1}}},
       .draw = {off_zero, Draw{}, Draw{}},
       .several = true});
  table.push_back({.name = "affine",
                   .call = [](std::span<const Var> x) { return affine(x[0], -2.5, 3); },
                   .shapes = {{{}}, {{0}}, {{5}}, {{2, 3}}}});
  table.push_back({.name = "operators",
                   .call =
                       [](std::span<const Var> x) {
                         const Var a = x[0], b = x[1];
                         const Tensor t = Tensor::full({3}, 1.5, a.dtype());
                         return (2.0 - a) * 3.0 / 4.0 + 1.0 / b - (a - 5.0) * (t / b) + t * a -
                                (t - a) / t + (a + t) * (1.0 + b) - 0.5 * -a;
                       },
                   .shapes = {{{3}, {3}}, {{2, 3}, {3}}, {{}, {1}}},
                   .draw = {Draw{}, off_zero},
                   .several = true});
}

}  // namespace metatape::checks
