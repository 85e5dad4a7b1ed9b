// lstm_tiles.hpp: an LSTM over many rows by the kernels of lstm.hpp: the weights are packed once
// for all steps, a step is one pass each way, and the gradient of the weights is summed up for
// several steps at once, the last steps first. Work is shared out by blocks of units and of rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/lstm.hpp"
#include "kernels/simd.hpp"
#include "metatape/autodiff/rule.hpp"
#include "products.hpp"

namespace metatape::ops {

struct LstmExtents {
  std::int64_t steps, batch, in, hidden;
  [[nodiscard]] std::int64_t state() const { return batch * hidden; }
  /// Steps whose weight gradients are single products: so many that the sums are long, so few that
  /// what they are made of stays in cache.
  [[nodiscard]] std::int64_t at_once() const {
    return std::max<std::int64_t>(1, 512 / std::max<std::int64_t>(batch, 1));
  }
};

/// Whether packing the weights pays: they meet many rows, and many at each step, so that the
/// product with x need not wait for those of other steps; and units fill their blocks.
template <Scalar T>
bool lstm_in_tiles(const LstmExtents& s) {
  constexpr std::int64_t tall = 24, many = 128;
  if (!std::is_same_v<T, float> || kernel::simd() == kernel::Simd::plain) return false;
  return s.batch >= tall && s.steps * s.batch >= many &&
         10 * kernel::lstm_columns(s.hidden) <= 11 * 4 * s.hidden;
}

namespace lstm_tiles {

/// f(first, last of the units or columns of a part, rows of it): parts of `wide` of n and of `tall`
/// of the batch, one after the other where they are little work.
template <class Context, class F>
void share(const Context& c, std::int64_t work, std::int64_t n, std::int64_t wide,
           std::int64_t rows, std::int64_t tall, const F& f) {
  constexpr std::int64_t worth_sharing = 1 << 19;
  if (work < worth_sharing) return f(0, n, 0, rows);
  const std::int64_t across = (rows + tall - 1) / tall;
  run_blocks(c, (n + wide - 1) / wide * across, [&](std::int64_t block, int) {
    const std::int64_t i = block / across * wide, r = block % across * tall;
    f(i, std::min(n, i + wide), r, std::min(rows, r + tall));
  });
}

inline std::int64_t packed_rows(const LstmExtents& s) { return s.in + s.hidden + 1; }

inline void forward(const Forward& c, const LstmExtents& s) {
  const std::int64_t n = s.state(), columns = kernel::lstm_columns(s.hidden);
  float *gates = c.kept<float>(), *cs = gates + s.steps * s.batch * columns, *y = c.output<float>();
  const float *h = c.input<float>(1), *before = c.input<float>(2);
  float* packed = c.scratch<float>(packed_rows(s) * columns);
  kernel::pack_lstm(s.in, s.hidden, c.input<float>(3), c.input<float>(4),
                    c.arity() > 5 ? c.input<float>(5) : nullptr, packed);
  for (std::int64_t t = 0; t < s.steps; ++t) {
    const float* x = c.input<float>(0) + t * s.batch * s.in;
    share(c, s.batch * columns * (s.in + s.hidden), columns / 4 / kernel::lstm_block(), 1, s.batch,
          48, [&](std::int64_t i, std::int64_t end, std::int64_t row, std::int64_t last) {
            kernel::lstm_tile_step(s.in, s.hidden, {s.batch, row, last}, i, end, packed, x, h,
                                   before, gates + t * s.batch * columns, cs + t * n, y + t * n);
          });
    h = y + t * n;
    before = cs + t * n;
  }
  std::copy_n(before, n, y + s.steps * n);
}

/// The gradient of the weights, in the packed order.
struct WeightSums {
  const LstmExtents& s;
  std::int64_t width;
  float* sums;
  bool begun = false;

  /// Adds that of steps [begin, end), whose dz begin at `dz`.
  void add(const Pullback& c, std::int64_t begin, std::int64_t end,
           kernel::LstmPanels<const float> dz) {
    const float* y = c.output<float>();
    const std::int64_t rows = (end - begin) * s.batch, depth = packed_rows(s);
    const std::int64_t panels = kernel::lstm_columns(s.hidden) / width;
    // h before the first step is an input, before the others an output
    const std::int64_t first = begin == 0 ? s.batch : 0;
    share(c, rows * depth * panels * width, panels, 1, depth, 96,
          [&](std::int64_t p, std::int64_t last, std::int64_t low, std::int64_t high) {
            for (; p < last; ++p) {
              const float* panel = dz.data + p * dz.capacity * width;
              float* to = sums + p * depth * width;
              // Those of the panel's rows [low, high) that a part of n rows has.
              const auto part = [&](std::int64_t at, std::int64_t n, std::int64_t from,
                                    std::int64_t count, const float* a, bool more) {
                const std::int64_t i = std::max(low - at, std::int64_t{0}),
                                   j = std::min(high - at, n);
                if (i < j)
                  kernel::lstm_weight_gradient(count, n, i, j, a, panel + from * width,
                                               to + at * width, more);
              };
              part(0, s.in, 0, rows, c.input<float>(0) + begin * s.batch * s.in, begun);
              part(s.in, s.hidden, first, rows - first,
                   y + (begin * s.batch - s.batch + first) * s.hidden, begun);
              if (first > 0) part(s.in, s.hidden, 0, first, c.input<float>(1), true);
              part(s.in + s.hidden, 1, 0, rows, nullptr, begun);
            }
          });
    begun = true;
  }
};

inline void pullback(const Pullback& c, const LstmExtents& s) {
  const std::int64_t n = s.state(), columns = kernel::lstm_columns(s.hidden);
  const std::int64_t width = kernel::lstm_panel();
  const float *g = c.gradient<float>(), *gates = c.kept<float>();
  const float* cs = gates + s.steps * s.batch * columns;
  // Where a step's dz is made, the next step's is read: two at least.
  const std::int64_t at_once = std::max<std::int64_t>(2, s.at_once());
  const std::int64_t capacity = std::min(at_once, s.steps) * s.batch;
  float *dz = c.scratch<float>(capacity * columns), *dc = c.scratch<float>(n);
  std::copy_n(g + s.steps * n, n, dc);
  const auto turned = [&](int i, std::int64_t wide) {
    float* packed = c.scratch<float>(kernel::packed_size(columns, wide));
    kernel::pack_lstm_turned(s.hidden, wide, c.input<float>(i), packed);
    return packed;
  };
  const float* turned_hh = turned(4, s.hidden);
  bool fresh = false;
  float* const dx = c.wants(0) ? c.adjoint<float>(0, fresh) : nullptr;
  const bool add_x = !fresh;
  const float* turned_ih = dx ? turned(3, s.in) : nullptr;
  const bool bias = c.arity() > 5 && c.wants(5), weights = c.wants(3) || c.wants(4) || bias;
  WeightSums sums{s, width, weights ? c.scratch<float>(packed_rows(s) * columns) : nullptr};
  for (std::int64_t end = s.steps, begin = 0; end > 0; end = begin) {
    begin = (end - 1) / at_once * at_once;
    for (std::int64_t t = end; t-- > begin;) {
      const std::int64_t next = t + 1 < end ? t + 1 - begin : 0;
      const kernel::LstmPanels<const float> after{
          t + 1 < s.steps ? dz + next * s.batch * width : nullptr, capacity};
      share(c, s.batch * columns * s.hidden, s.hidden, width, s.batch, 24,
            [&](std::int64_t j, std::int64_t last, std::int64_t row, std::int64_t end_row) {
              for (; j < last; j += width)
                kernel::lstm_tile_step_pullback(
                    s.hidden, {s.batch, row, end_row}, j, turned_hh, after,
                    gates + t * s.batch * columns, t > 0 ? cs + (t - 1) * n : c.input<float>(2),
                    cs + t * n, g + t * n, dc, {dz + (t - begin) * s.batch * width, capacity});
            });
    }
    const std::int64_t rows = (end - begin) * s.batch;
    if (dx)
      share(c, rows * columns * s.in, 1, 1, rows, 48,
            [&](std::int64_t, std::int64_t, std::int64_t row, std::int64_t last) {
              kernel::lstm_multiply(last - row, s.in, s.hidden, {dz + row * width, capacity},
                                    turned_ih, dx + (begin * s.batch + row) * s.in, add_x);
            });
    if (weights) sums.add(c, begin, end, {dz, capacity});
  }
  kernel::LstmGradient to{};
  if (c.wants(3)) to.ih = c.adjoint<float>(3, fresh), to.add_ih = !fresh;
  if (c.wants(4)) to.hh = c.adjoint<float>(4, fresh), to.add_hh = !fresh;
  if (bias) to.bias = c.adjoint<float>(5, fresh), to.add_bias = !fresh;
  if (weights) kernel::unpack_lstm(s.in, s.hidden, sums.sums, to);
  if (c.wants(1)) {
    float* d = c.adjoint<float>(1, fresh);
    kernel::lstm_multiply(s.batch, s.hidden, s.hidden, {dz, capacity}, turned_hh, d, !fresh);
  }
  if (c.wants(2)) {
    float* d = c.adjoint<float>(2);
    for (std::int64_t i = 0; i < n; ++i) d[i] += dc[i];
  }
}

}  // namespace lstm_tiles

}  // namespace metatape::ops
