// indexing.cpp: the rows of what takes and puts elements by position.
#include <limits>

#include "row.hpp"

namespace metatape::checks {

namespace {

using Vars = std::span<const Var>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Indices as a constant of x's type, so that they can stand in a row.
Var as_var(const Indices& i, Var x) {
  std::vector<double> values(i.values().begin(), i.values().end());
  return x.tape().constant(Tensor(i.shape(), std::span<const double>(values)).to(x.dtype()));
}

}  // namespace

void add_indexing(std::vector<Row>& table) {
  table.push_back({.name = "gather",
                   .call =
                       [](Vars x) {
                         return gather(x[0], Indices({2, 0, 2}), 1);
                       },
                   .shapes = {{{1, 3}}, {{2, 5}}, {{2, 3, 2}}, {{0, 3}}},
                   .refusals = {{{{2, 2}}, "gather: position 0 is 2: 0 to 1 exist"}}});
  table.push_back({.name = "scatter_add",
                   .call =
                       [](Vars x) {
                         return scatter_add(x[0], Indices({2, 0, 2}), 4, 1);
                       },
                   .shapes = {{{1, 3}}, {{2, 3}}, {{2, 3, 5}}, {{0, 3}}},
                   .refusals = {{{{2, 2}},
                                 "scatter_add: positions [3] for axis 1 of [2, 2]: one each is "
                                 "needed"}}});
  table.push_back(
      {.name = "pick",
       .call =
           [](Vars x) {
             return pick(x[0], Indices({1, 0, 1}));
           },
       .shapes = {{{3, 2}}, {{3, 5}}, {{3, 3}}},
       .refusals = {{{{2, 2}}, "pick: x [2, 2] and positions [3]: [n, k] and [n] are expected"}}});
  table.push_back({.name = "embedding",
                   .call =
                       [](Vars x) {
                         return embedding(x[0], Indices({2, 2}, {0, 2, 2, 1}));
                       },
                   .shapes = {{{3, 1}}, {{3, 5}}, {{7, 2}}},
                   .refusals = {{{{2, 2}}, "embedding: position 1 is 2: 0 to 1 exist"}}});
  table.push_back({.name = "one_hot",
                   .call =
                       [](Vars x) {
                         return x[0] * one_hot(Indices({0, 2}), 3, x[0].dtype());
                       },
                   .shapes = {{{}}, {{3}}, {{2, 3}}}});
  table.push_back(
      {.name = "argmax",
       .call = [](Vars x) { return as_var(argmax(x[0]), x[0]); },
       .shapes = {{{3}}, {{2, 5}}, {{2, 3, 2}}},
       .differentiable = false,
       .points = {{{Tensor({2, 3}, {1.0, 3.0, 3.0, 5.0, nan, 9.0})}, Tensor({2}, {1.0, 1.0})}},
       .refusals = {{{{2, 0}}, "argmax: [2, 0]: axis -1 is empty"}}});
  table.push_back({.name = "argsort",
                   .call = [](Vars x) { return as_var(argsort(x[0], 0), x[0]); },
                   .shapes = {{{0}}, {{5}}, {{3, 2}}},
                   .differentiable = false,
                   .points = {{{Tensor({5}, {2.0, nan, 1.0, 2.0, -1.0})},
                               Tensor({5}, {4.0, 2.0, 0.0, 3.0, 1.0})}}});
  table.push_back({.name = "sort",
                   .call = [](Vars x) { return sort(x[0], 0); },
                   .shapes = {{{0}}, {{5}}, {{3, 2}}, {{2, 3, 2}}},
                   .draw = {{.low = -2, .high = 2, .distinct = true}}});
}

}  // namespace metatape::checks
