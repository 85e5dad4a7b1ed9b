// recurrent.cpp: cells and sequences: no steps, no batch, one unit, primes, and widths that reach
// the vector loops and their tails.
#include "row.hpp"

namespace metatape::checks {

namespace {

Var optional(std::span<const Var> x, std::size_t i) { return i < x.size() ? x[i] : Var{}; }

std::vector<Shape> gates(std::int64_t n, std::int64_t batch, std::int64_t in, std::int64_t hidden) {
  return {{batch, in}, {batch, hidden}, {n * hidden, in}, {n * hidden, hidden}, {n * hidden}};
}

std::vector<Shape> cell(std::int64_t batch, std::int64_t in, std::int64_t hidden, bool bias) {
  std::vector<Shape> s = gates(4, batch, in, hidden);
  s.insert(s.begin() + 1, s[1]);
  if (!bias) s.pop_back();
  return s;
}

std::vector<Shape> sequence(std::int64_t steps, std::int64_t batch, std::int64_t in,
                            std::int64_t hidden, bool bias) {
  std::vector<Shape> s = cell(batch, in, hidden, bias);
  s[0] = Shape{steps, batch, in};
  return s;
}

std::vector<Shape> gru(std::int64_t batch, std::int64_t in, std::int64_t hidden, int biases) {
  std::vector<Shape> s = gates(3, batch, in, hidden);
  s.push_back(s.back());
  for (; biases < 2; ++biases) s.pop_back();
  return s;
}

}  // namespace

void add_recurrent(std::vector<Row>& table) {
  const Draw small{.low = -1, .high = 1};
  table.push_back(
      {.name = "lstm_cell",
       .call =
           [](std::span<const Var> x) {
             const LstmState s = lstm_cell(x[0], {x[1], x[2]}, x[3], x[4], optional(x, 5));
             return concat({s.h, s.c});
           },
       .shapes = {cell(3, 2, 5, true), cell(1, 1, 1, true), cell(3, 2, 5, false),
                  cell(0, 2, 3, true), cell(2, 0, 3, true), cell(2, 3, 0, true),
                  cell(7, 3, 20, true), cell(17, 5, 37, true)},
       .draw = {small},
       .refusals = {
           {{{2}, {2, 3}, {2, 3}, {12, 2}, {12, 3}}, "lstm_cell: x [2]: [batch, in] is expected"},
           {{{2, 2}, {3}, {3}, {12, 2}, {12, 3}}, "lstm_cell: h [3]: [batch, hidden] is expected"},
           {{{2, 2}, {4, 3}, {2, 3}, {12, 2}, {12, 3}}, "lstm_cell: h [4, 3]: [2, 3] is expected"},
           {{{2, 2}, {2, 3}, {2, 4}, {12, 2}, {12, 3}}, "lstm_cell: c [2, 4]: [2, 3] is expected"},
           {{{2, 2}, {2, 3}, {2, 3}, {12, 3}, {12, 3}},
            "lstm_cell: weight_ih [12, 3]: [12, 2] is expected"},
           {{{2, 2}, {2, 3}, {2, 3}, {12, 2}, {9, 3}},
            "lstm_cell: weight_hh [9, 3]: [12, 3] is expected"},
           {{{2, 2}, {2, 3}, {2, 3}, {12, 2}, {12, 3}, {3}},
            "lstm_cell: bias [3]: [12] is expected"}}});
  table.push_back({.name = "lstm",
                   .call =
                       [](std::span<const Var> x) {
                         const LstmOutput o = lstm(x[0], {x[1], x[2]}, x[3], x[4], optional(x, 5));
                         return concat({flatten(o.outputs), flatten(o.last.h), flatten(o.last.c)});
                       },
                   .shapes = {sequence(3, 2, 2, 5, true), sequence(1, 1, 1, 1, true),
                              sequence(5, 2, 3, 2, false), sequence(0, 2, 3, 2, true),
                              sequence(2, 0, 3, 2, true), sequence(3, 7, 5, 20, true),
                              sequence(3, 43, 2, 15, true)},
                   .draw = {small},
                   .refusals = {{{{2, 3}, {2, 3}, {2, 3}, {12, 2}, {12, 3}},
                                 "lstm: x [2, 3]: [steps, batch, in] is "
                                 "expected"},
                                {{{5, 2, 2}, {3, 3}, {2, 3}, {12, 2}, {12, 3}},
                                 "lstm: h [3, 3]: [2, 3] is expected"}}});
  table.push_back(
      {.name = "gru_cell",
       .call =
           [](std::span<const Var> x) {
             return gru_cell(x[0], x[1], x[2], x[3], optional(x, 4), optional(x, 5));
           },
       .shapes = {gru(3, 2, 5, 2), gru(1, 1, 1, 2), gru(3, 2, 5, 0), gru(3, 2, 5, 1),
                  gru(0, 2, 3, 2), gru(7, 3, 20, 2)},
       .draw = {small},
       .refusals = {
           {{{2}, {2, 3}, {9, 2}, {9, 3}}, "gru_cell: x [2]: [batch, in] is expected"},
           {{{2, 2}, {2, 3}, {9, 2}, {12, 3}}, "gru_cell: weight_hh [12, 3]: [9, 3] is expected"},
           {{{2, 2}, {2, 3}, {9, 2}, {9, 3}, {9}, {3}},
            "gru_cell: bias_hh [3]: [9] is expected"}}});
  table.push_back(
      {.name = "gru_cell, second bias alone",
       .call = [](std::span<const Var> x) { return gru_cell(x[0], x[1], x[2], x[3], Var{}, x[4]); },
       .shapes = {gru(3, 2, 5, 1), gru(1, 1, 1, 1), gru(2, 3, 4, 1)},
       .draw = {small}});
  // Two steps: h depends on the weights that it meets again.
  table.push_back({.name = "gru_cell, two steps",
                   .call =
                       [](std::span<const Var> x) {
                         const Var h = gru_cell(x[0], x[1], x[2], x[3], x[4], x[5]);
                         return gru_cell(x[0], h, x[2], x[3], x[4], x[5]);
                       },
                   .shapes = {gru(3, 2, 5, 2), gru(1, 1, 1, 2), gru(0, 2, 3, 2)},
                   .draw = {small}});
  table.push_back({.name = "lstm_cell, two steps",
                   .call =
                       [](std::span<const Var> x) {
                         LstmState s = lstm_cell(x[0], {x[1], x[2]}, x[3], x[4], x[5]);
                         s = lstm_cell(x[0], s, x[3], x[4], x[5]);
                         return concat({s.h, s.c});
                       },
                   .shapes = {cell(3, 2, 5, true), cell(1, 1, 1, true), cell(0, 2, 3, true)},
                   .draw = {small}});
}

}  // namespace metatape::checks
