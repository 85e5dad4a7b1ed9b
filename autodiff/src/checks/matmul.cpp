// matmul.cpp: products on odd shapes: nothing, one, primes, vectors, batches that broadcast, and
// sizes that reach the blocked products and their tails.
#include <limits>

#include "row.hpp"

namespace metatape::checks {

namespace {

CheckedFunction product(Transpose a, Transpose b) {
  return [a, b](std::span<const Var> x) { return matmul(x[0], x[1], a, b); };
}

CheckedFunction layer(Activation activation) {
  return [activation](std::span<const Var> x) {
    return linear(x[0], x[1], x.size() > 2 ? x[2] : Var{}, activation);
  };
}

}  // namespace

void add_matmul(std::vector<Row>& table) {
  constexpr auto no = Transpose::no, yes = Transpose::yes;
  const Draw small{.low = -1, .high = 1};
  table.push_back(
      {.name = "matmul",
       .call = product(no, no),
       .shapes = {{{2, 3}, {3, 5}},
                  {{0, 3}, {3, 2}},
                  {{2, 0}, {0, 3}},
                  {{1, 1}, {1, 1}},
                  {{3}, {3}},
                  {{3}, {3, 5}},
                  {{5, 3}, {3}},
                  {{2, 5, 3}, {3}},
                  {{3}, {2, 3, 5}},
                  {{7, 2, 3}, {3, 5}},
                  {{7, 2, 3}, {7, 3, 5}},
                  {{2, 3}, {7, 3, 5}},
                  {{2, 1, 5, 3}, {7, 3, 2}},
                  {{0, 2, 3}, {3, 5}},
                  {{0, 2, 3}, {0, 3, 5}},
                  {{37, 41}, {41, 67}}},
       .draw = {small},
       .points = {{.inputs = {Tensor({2, 2}, {1.0, 2.0, 3.0, 4.0}), Tensor({2}, {1.0, -1.0})},
                   .expected = Tensor({2}, {-1.0, -1.0})},
                  {.inputs = {Tensor({1, 1}, {std::numeric_limits<double>::infinity()}),
                              Tensor({1, 1}, {0.0})},
                   .expected = Tensor({1, 1}, {std::numeric_limits<double>::quiet_NaN()})}},
       .refusals = {{{{128, 20}, {10, 784}},
                     "matmul: [128, 20] x [10, 784]: inner dimensions 20 and 10 differ"},
                    {{{3}, {2, 4, 5}}, "matmul: [3] x [2, 4, 5]: inner dimensions 3 and 4 differ"},
                    {{{}, {3}}, "matmul: [] x [3]: a factor has no axes"},
                    {{{2, 3, 4}, {5, 4, 6}},
                     "matmul: [2, 3, 4] x [5, 4, 6]: batches [2] and [5] do not broadcast"}}});
  table.push_back({.name = "matmul, first turned",
                   .call = product(yes, no),
                   .shapes = {{{3, 2}, {3, 5}},
                              {{0, 2}, {0, 3}},
                              {{7, 3, 2}, {3, 5}},
                              {{3, 2}, {7, 3, 5}},
                              {{3}, {3, 5}},
                              {{1, 3, 2}, {3, 5}},
                              {{41, 37}, {41, 67}}},
                   .draw = {small}});
  table.push_back({.name = "matmul, second turned",
                   .call = product(no, yes),
                   .shapes = {{{2, 3}, {5, 3}},
                              {{2, 0}, {3, 0}},
                              {{7, 2, 3}, {5, 3}},
                              {{2, 3}, {7, 5, 3}},
                              {{5, 3}, {3}},
                              {{37, 41}, {67, 41}}},
                   .draw = {small}});
  table.push_back({.name = "matmul, both turned",
                   .call = product(yes, yes),
                   .shapes = {{{3, 2}, {5, 3}},
                              {{2, 3, 2}, {2, 5, 3}},
                              {{3}, {5, 3}},
                              {{1, 1}, {1, 1}},
                              {{41, 37}, {67, 41}}},
                   .draw = {small}});
  table.push_back(
      {.name = "dot",
       .call = [](std::span<const Var> x) { return dot(x[0], x[1]); },
       .shapes = {{{0}, {0}}, {{1}, {1}}, {{7}, {7}}, {{1031}, {1031}}},
       .points = {{.inputs = {Tensor({0}, std::initializer_list<double>{}),
                              Tensor({0}, std::initializer_list<double>{})},
                   .expected = Tensor({}, {0.0})}},
       .refusals = {
           {{{3}, {4}}, "dot: [3] and [4]: two vectors of equal length are needed"},
           {{{3, 1}, {3}}, "dot: [3, 1] and [3]: two vectors of equal length are needed"}}});
  table.push_back({.name = "outer",
                   .call = [](std::span<const Var> x) { return outer(x[0], x[1]); },
                   .shapes = {{{0}, {3}}, {{1}, {1}}, {{2}, {5}}, {{37}, {31}}},
                   .refusals = {{{{3, 1}, {4}}, "outer: [3, 1] and [4]: two vectors are needed"}}});
  table.push_back(
      {.name = "linear",
       .call = layer(Activation::none),
       .shapes = {{{2, 3}, {5, 3}, {5}},
                  {{2, 3}, {5, 3}},
                  {{3}, {5, 3}, {5}},
                  {{0, 3}, {5, 3}, {5}},
                  {{2, 0}, {5, 0}, {5}},
                  {{2, 3}, {0, 3}, {0}},
                  {{2, 7, 3}, {1, 3}, {1}},
                  {{37, 41}, {67, 41}, {67}}},
       .draw = {small},
       .refusals = {
           {{{2, 3}, {5, 4}, {5}},
            "linear: x [2, 3], weight [5, 4]: the last axis of x must be 4 long"},
           {{{}, {5, 4}, {5}}, "linear: x [], weight [5, 4]: the last axis of x must be 4 long"},
           {{{2, 3}, {5}, {5}}, "linear: weight [5]: [out, in] is expected"},
           {{{2, 3}, {5, 3}, {4}}, "linear: bias [4], weight [5, 3]: bias must be [5]"}}});
  // Biases away from 0 keep sums of small products away from the kink.
  table.push_back(
      {.name = "linear, relu",
       .call = layer(Activation::relu),
       .shapes = {{{2, 3}, {5, 3}, {5}}, {{1, 1}, {1, 1}, {1}}, {{37, 4}, {67, 4}, {67}}},
       .draw = {{.low = -0.5, .high = 0.5},
                {.low = -0.5, .high = 0.5},
                {.low = -3, .high = 3, .gap = 1.5}}});
  table.push_back({.name = "linear, tanh",
                   .call = layer(Activation::tanh),
                   .shapes = {{{2, 3}, {5, 3}, {5}}, {{2, 3}, {5, 3}}, {{37, 4}, {67, 4}, {67}}},
                   .draw = {small}});
  table.push_back({.name = "linear, sigmoid",
                   .call = layer(Activation::sigmoid),
                   .shapes = {{{2, 3}, {5, 3}, {5}}, {{2, 3}, {5, 3}}, {{37, 4}, {67, 4}, {67}}},
                   .draw = {small}});
}

}  // namespace metatape::checks
