// broadcasting.hpp: loops over two arrays stretched to one shape.
// Axes that both walk alike are joined first, so that equal shapes, a number beside an array and a
// row beside a matrix all become one or two plain loops.
#pragma once

#include <array>
#include <cstdint>

#include "metatape/autodiff/shape.hpp"

namespace metatape::ops {

/// Where element positions of two inputs lie while the output is walked in row-major order.
struct Broadcasting {
  int rank = 0;
  std::array<std::int64_t, Shape::max_rank> extent{};
  std::array<std::int64_t, Shape::max_rank> step_a{};  // 0 where a is stretched
  std::array<std::int64_t, Shape::max_rank> step_b{};
};

inline Broadcasting broadcasting(const Shape& a, const Shape& b, const Shape& out) {
  Broadcasting w;
  if (a == b) {
    w.rank = 1;
    w.extent[0] = out.size();
    w.step_a[0] = w.step_b[0] = 1;
    return w;
  }
  std::array<std::int64_t, Shape::max_rank> step_a{}, step_b{};
  const int rank = out.rank();
  std::int64_t run_a = 1, run_b = 1;
  for (int i = rank; i-- > 0;) {
    const auto at = static_cast<std::size_t>(i);
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const std::int64_t ea = ia < 0 ? 1 : a.begin()[ia], eb = ib < 0 ? 1 : b.begin()[ib];
    step_a[at] = ea == 1 ? 0 : run_a;
    step_b[at] = eb == 1 ? 0 : run_b;
    run_a *= ea;
    run_b *= eb;
  }
  for (int i = 0; i < rank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t extent = out.begin()[i];
    if (extent == 1) continue;
    const auto last = static_cast<std::size_t>(w.rank - 1);
    if (w.rank > 0 && w.step_a[last] == step_a[at] * extent &&
        w.step_b[last] == step_b[at] * extent) {
      w.extent[last] *= extent;
      w.step_a[last] = step_a[at];
      w.step_b[last] = step_b[at];
    } else {
      const auto next = static_cast<std::size_t>(w.rank++);
      w.extent[next] = extent;
      w.step_a[next] = step_a[at];
      w.step_b[next] = step_b[at];
    }
  }
  if (w.rank == 0) {
    w.rank = 1;
    w.extent[0] = 1;
  }
  return w;
}

/// Calls row(out position, a position, b position, length, step_a, step_b) for each innermost run,
/// in row-major order of the output.
template <class Row>
void for_each_run(const Broadcasting& w, const Row& row) {
  const auto last = static_cast<std::size_t>(w.rank - 1);
  std::int64_t runs = 1;
  for (std::size_t i = 0; i < last; ++i) runs *= w.extent[i];
  if (w.extent[last] == 0) return;
  std::array<std::int64_t, Shape::max_rank> at{};
  std::int64_t a = 0, b = 0;
  for (std::int64_t r = 0; r < runs; ++r) {
    row(r * w.extent[last], a, b, w.extent[last], w.step_a[last], w.step_b[last]);
    for (std::size_t i = last; i-- > 0;) {
      a += w.step_a[i];
      b += w.step_b[i];
      if (++at[i] < w.extent[i]) break;
      a -= w.step_a[i] * w.extent[i];
      b -= w.step_b[i] * w.extent[i];
      at[i] = 0;
    }
  }
}

}  // namespace metatape::ops
