// columnwise.cpp: no steps, no columns, one unit, primes, widths of a whole panel and beside it.
#include "row.hpp"

namespace metatape::checks {

namespace {

Var optional(std::span<const Var> x, std::size_t i) { return i < x.size() ? x[i] : Var{}; }

std::vector<Shape> lstm_shapes(std::int64_t steps, std::int64_t in, std::int64_t hidden,
                               std::int64_t columns, bool bias) {
  std::vector<Shape> s{{steps, in, columns}, {hidden, columns},    {hidden, columns},
                       {4 * hidden, in},     {4 * hidden, hidden}, {4 * hidden}};
  if (!bias) s.pop_back();
  return s;
}

}  // namespace

void add_columnwise(std::vector<Row>& table) {
  const Draw small{.low = -1, .high = 1};
  table.push_back(
      {.name = "linear_columns",
       .call = [](std::span<const Var> x) { return linear_columns(x[0], x[1], optional(x, 2)); },
       .shapes = {{{3, 2, 5}, {4, 2}, {4}},
                  {{1, 1, 1}, {1, 1}},
                  {{2, 20, 67}, {1, 20}, {1}},
                  {{1, 7, 64}, {6, 7}},
                  {{0, 2, 3}, {4, 2}, {4}},
                  {{2, 0, 3}, {4, 0}, {4}},
                  {{2, 3, 0}, {4, 3}, {4}}},
       .draw = {small},
       .refusals = {
           {{{2, 3}, {4, 3}}, "linear_columns: x [2, 3]: [steps, in, columns] is expected"},
           {{{2, 3, 5}, {4}}, "linear_columns: weight [4]: [out, in] is expected"},
           {{{2, 3, 5}, {4, 2}}, "linear_columns: weight [4, 2]: [4, 3] is expected"},
           {{{2, 3, 5}, {4, 3}, {3}}, "linear_columns: bias [3]: [4] is expected"}}});
  table.push_back(
      {.name = "lstm_columns",
       .call =
           [](std::span<const Var> x) {
             const LstmOutput o = lstm_columns(x[0], {x[1], x[2]}, x[3], x[4], optional(x, 5));
             return concat({flatten(o.outputs), flatten(o.last.h), flatten(o.last.c)});
           },
       .shapes = {lstm_shapes(3, 2, 5, 3, true), lstm_shapes(1, 1, 1, 1, true),
                  lstm_shapes(5, 3, 2, 2, false), lstm_shapes(0, 2, 3, 2, true),
                  lstm_shapes(2, 2, 3, 0, true), lstm_shapes(2, 0, 3, 2, true),
                  lstm_shapes(2, 2, 3, 67, true), lstm_shapes(1, 2, 7, 64, true)},
       .draw = {small},
       .refusals = {{{{2, 3}, {5, 3}, {5, 3}, {20, 2}, {20, 5}},
                     "lstm_columns: x [2, 3]: [steps, in, columns] is expected"},
                    {{{1, 2, 3}, {5}, {5}, {20, 2}, {20, 5}},
                     "lstm_columns: h [5]: [hidden, columns] is expected"},
                    {{{1, 2, 3}, {5, 4}, {5, 3}, {20, 2}, {20, 5}},
                     "lstm_columns: h [5, 4]: [5, 3] is expected"},
                    {{{1, 2, 3}, {5, 3}, {5, 4}, {20, 2}, {20, 5}},
                     "lstm_columns: c [5, 4]: [5, 3] is expected"},
                    {{{1, 2, 3}, {5, 3}, {5, 3}, {20, 3}, {20, 5}},
                     "lstm_columns: weight_ih [20, 3]: [20, 2] is expected"},
                    {{{1, 2, 3}, {5, 3}, {5, 3}, {20, 2}, {20, 4}},
                     "lstm_columns: weight_hh [20, 4]: [20, 5] is expected"},
                    {{{1, 2, 3}, {5, 3}, {5, 3}, {20, 2}, {20, 5}, {5}},
                     "lstm_columns: bias [5]: [20] is expected"}}});
  // Two calls: the state depends on the weights that it meets again.
  table.push_back({.name = "lstm_columns, in two parts",
                   .call =
                       [](std::span<const Var> x) {
                         const LstmOutput a = lstm_columns(x[0], {x[1], x[2]}, x[3], x[4], x[5]);
                         const LstmOutput b = lstm_columns(x[0], a.last, x[3], x[4], x[5]);
                         return concat({flatten(b.outputs), flatten(b.last.c)});
                       },
                   .shapes = {lstm_shapes(2, 2, 3, 3, true), lstm_shapes(1, 1, 1, 1, true),
                              lstm_shapes(1, 2, 3, 65, true)},
                   .draw = {small}});
}

}  // namespace metatape::checks
