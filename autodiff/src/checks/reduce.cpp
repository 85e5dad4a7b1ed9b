// reduce.cpp: the rows of sums and their kin.
#include <limits>

#include "row.hpp"

namespace metatape::checks {

namespace {

using Vars = std::span<const Var>;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Reduce = Var (*)(Var, const Axes&, Keep);

// All axes, the first, the last kept, and two that are no neighbours, in one function.
Row reduction(const char* name, Reduce f, Draw draw = {}, std::vector<Point> points = {}) {
  return {.name = name,
          .call =
              [f](Vars x) {
                return f(x[0], {}, Keep::no) + sum(f(x[0], 0, Keep::no)) + f(x[0], -1, Keep::yes) +
                       f(x[0], {0, -1}, Keep::yes);
              },
          .shapes = {{{1, 1}}, {{2, 5}}, {{3, 2, 7}}, {{2, 3, 1, 5}}, {{4, 37}}},
          .draw = {draw},
          .points = std::move(points)};
}

constexpr Draw distinct{.low = -2, .high = 2, .distinct = true};

}  // namespace

void add_reduce(std::vector<Row>& table) {
  Row total = reduction("sum", sum);
  total.shapes.push_back({{0, 3}});
  table.push_back(total);
  table.push_back(reduction("mean", mean));
  table.push_back(reduction("max", max, distinct));
  table.push_back(reduction("min", min, distinct));
  table.push_back(reduction("logsumexp", logsumexp));
  table.push_back({.name = "variance",
                   .call =
                       [](Vars x) {
                         return variance(x[0]) +
                                variance(x[0], -1, 1, Keep::yes) * variance(x[0], 0);
                       },
                   .shapes = {{{1, 2}}, {{2, 5}}, {{7, 3}}}});
  table.push_back(reduction("norm", norm, {.low = 0.2, .high = 2}));
  table.push_back({.name = "cumsum",
                   .call = [](Vars x) { return cumsum(x[0], 1); },
                   .shapes = {{{1, 1}}, {{2, 5}}, {{3, 4, 2}}, {{2, 0}}}});
  table.push_back({.name = "cumprod",
                   .call = [](Vars x) { return cumprod(x[0], 1); },
                   .shapes = {{{1, 1}}, {{2, 5}}, {{3, 4, 2}}, {{2, 0}}}});
  // One axis alone, for hard points and refusals.
  table.push_back({.name = "sum of nothing",
                   .call = [](Vars x) { return sum(x[0], 1); },
                   .shapes = {{{2, 0}}, {{1, 3}}, {{5, 2}}},
                   .points = {{{Tensor({2, 2}, {inf, 1.0, nan, 1.0})}, Tensor({2}, {inf, nan})}},
                   .refusals = {{{{3}}, "sum: [3]: there is no axis 1"}}});
  table.push_back({.name = "max with ties",
                   .call = [](Vars x) { return max(x[0], 1); },
                   .shapes = {{{1, 1}}, {{2, 3}}, {{3, 2, 2}}},
                   .draw = {distinct},
                   .points = {{{Tensor({2, 2}, {1.0, nan, 3.0, 3.0})}, Tensor({2}, {nan, 3.0})}},
                   .refusals = {{{{2, 0}}, "max: [2, 0]: nothing is left to reduce"}}});
  table.push_back({.name = "logsumexp far apart",
                   .call = [](Vars x) { return logsumexp(x[0], 1); },
                   .shapes = {{{1, 1}}, {{2, 3}}, {{3, 2, 2}}},
                   .points = {{{Tensor({4, 2}, {1000.0, -1000.0, -inf, -inf, inf, 0.0, nan, 0.0})},
                               Tensor({4}, {1000.0, -inf, inf, nan})}}});
  table.push_back({.name = "cumprod through zeros",
                   .call =
                       [](Vars x) {
                         return cumprod(concat({x[0], x[0] * 0.0, x[0]}, 1), 1);
                       },
                   .shapes = {{{1, 1}}, {{2, 2}}, {{1, 3}}}});
}

}  // namespace metatape::checks
