// structure.cpp: the rows of what arranges elements anew.
#include "row.hpp"

namespace metatape::checks {

namespace {

using Vars = std::span<const Var>;

Row one(const char* name, CheckedFunction call, std::vector<std::vector<Shape>> shapes,
        std::vector<Refusal> refusals = {}) {
  return {.name = name,
          .call = std::move(call),
          .shapes = std::move(shapes),
          .refusals = std::move(refusals)};
}

}  // namespace

void add_structure(std::vector<Row>& table) {
  table.push_back(one("view_range",
                      [](Vars x) {
                        return view_range(x[0], 1, {2, 2});
                      },
                      {{{5}}, {{2, 3}}, {{7, 1}}},
                      {{{{4}}, "view_range: 4 elements from 1 of [4]: only 4 exist"}}));
  table.push_back(one("embed_range",
                      [](Vars x) {
                        return embed_range(x[0], {3, 4}, 5);
                      },
                      {{{0}}, {{7}}, {{2, 3}}},
                      {{{{8}}, "embed_range: [8] at 5 of [3, 4]: it does not fit"}}));
  table.push_back(one("reshape",
                      [](Vars x) {
                        return reshape(x[0], {2, -1}) * 2.0;
                      },
                      {{{2}}, {{4, 3}}, {{2, 1, 5}}},
                      {{{{5}}, "reshape: [5] to a multiple of 2: 5 elements are not 2"}}));
  table.push_back(one("flatten", [](Vars x) { return flatten(x[0], -2); },
                      {{{2, 3}}, {{4, 3, 1}}, {{2, 0, 5}}}));
  table.push_back(
      one("unsqueeze", [](Vars x) { return unsqueeze(x[0], -1); }, {{{}}, {{3}}, {{2, 3}}}));
  table.push_back(one("squeeze", [](Vars x) { return squeeze(x[0], 1); },
                      {{{2, 1}}, {{0, 1}}, {{4, 1, 3}}},
                      {{{{2, 3}}, "squeeze: [2, 3]: axis 1 has extent 3, not 1"}}));
  table.push_back(one("rows", [](Vars x) { return rows(x[0], 1, 3); },
                      {{{3}}, {{5, 2}}, {{4, 0, 2}}},
                      {{{{2, 2}}, "rows: [1, 3) of [2, 2]: not a range of its leading axis"}}));
  table.push_back(one("row", [](Vars x) { return row(x[0], 1); }, {{{2}}, {{5, 2}}, {{3, 2, 2}}},
                      {{{{1, 2}}, "row: 1 of [1, 2]: not an entry of its leading axis"}}));
  table.push_back(one("permute",
                      [](Vars x) {
                        return permute(x[0], {2, 0, 1});
                      },
                      {{{2, 3, 5}}, {{1, 7, 2}}, {{3, 0, 2}}, {{1, 1, 1}}},
                      {{{{2, 3}}, "permute: [2, 3] by (2, 0, 1): each axis is needed once"}}));
  table.push_back(one("transpose", [](Vars x) { return transpose(x[0]); },
                      {{{2, 3}}, {{1, 5}}, {{4, 3, 2}}, {{0, 3}}},
                      {{{{2}}, "transpose: [2]: there is no axis -2"}}));
  table.push_back(
      one("broadcast_to",
          [](Vars x) {
            return broadcast_to(x[0], {4, 3, 2});
          },
          {{{}}, {{2}}, {{3, 1}}, {{4, 1, 2}}, {{4, 3, 2}}},
          {{{{3}}, "broadcast_to: [3] and [4, 3, 2]: extents 3 and 2 are neither equal nor 1"}}));
  table.push_back(one("sum_to",
                      [](Vars x) {
                        return sum_to(x[0], {3, 1});
                      },
                      {{{3, 5}}, {{4, 3, 2}}, {{3, 0}}, {{3, 1}}}));
  table.push_back(one("slice", [](Vars x) { return slice(x[0], -1, 1, 4, 2); },
                      {{{4}}, {{3, 5}}, {{2, 0, 4}}},
                      {{{{3}}, "slice: [1, 4) by 2 of axis -1 of [3]: not a range of it"}}));
  table.push_back(one("concat", [](Vars x) { return concat(x, 1); },
                      {{{2, 3}, {2, 5}}, {{3, 1, 2}, {3, 0, 2}, {3, 4, 2}}, {{1, 1}}},
                      {{{{2, 3}, {3, 3}}, "concat: [2, 3] and [3, 3] differ beside axis 1"}}));
  table.push_back(one("stack", [](Vars x) { return stack(x, -1); },
                      {{{}, {}}, {{3}, {3}, {3}}, {{2, 3}, {2, 3}, {2, 3}, {2, 3}, {2, 3}}},
                      {{{{2}, {3}}, "stack: [2] and [3] differ"}}));
  table.push_back(one("split",
                      [](Vars x) {
                        const std::vector<Var> parts = split(x[0], 3, 1);
                        return parts[0] * parts[1] - parts[2];
                      },
                      {{{2, 3}}, {{1, 6}}, {{2, 3, 2}}},
                      {{{{2, 4}}, "split: axis 1 of [2, 4] in 3 parts: 4 does not divide so"}}));
  table.push_back(
      one("pad", [](Vars x) { return pad(x[0], 0, 1, 2, 7); }, {{{0}}, {{3}}, {{2, 3}}}));
  table.push_back(
      one("flip", [](Vars x) { return flip(x[0], -1) * x[0]; }, {{{0}}, {{1}}, {{2, 5}}}));
}

}  // namespace metatape::checks
