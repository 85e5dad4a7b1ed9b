// lstm.cpp: a step of an LSTM, its products and its gates in one pass.
#include "lstm.hpp"

#include <algorithm>

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lstm.cpp"
#include <hwy/foreach_target.h>

#include "kernels/cell-inl.hpp"
#include "kernels/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// A block of units is a vector of them; its four gates are one panel, or two.
constexpr int panels_of_block = 4 / vectors_of_tile;

HWY_INLINE std::int64_t blocks_of(std::int64_t hidden) { return (hidden + lanes() - 1) / lanes(); }
HWY_INLINE std::int64_t panel_width() { return vectors_of_tile * lanes(); }

std::int64_t LstmColumns(std::int64_t hidden) { return 4 * lanes() * blocks_of(hidden); }
std::int64_t LstmPanel() { return panel_width(); }
std::int64_t LstmBlock() { return lanes(); }

// The columns of a vector of gate columns: rows [first, first + count) of the weights, then
// padding.
struct GateRows {
  std::int64_t first, count;
};
HWY_INLINE GateRows gate_rows_of(std::int64_t hidden, std::int64_t vector) {
  const std::int64_t u = vector / 4 * lanes();
  return {vector % 4 * hidden + u, std::min(lanes(), hidden - u)};
}

// f(vector of gate columns, where it begins in packed weights of `depth` rows)
template <class F>
HWY_INLINE void for_gate_vectors(std::int64_t hidden, std::int64_t depth, const F& f) {
  for (std::int64_t v = 0; v < 4 * blocks_of(hidden); ++v)
    f(v, (v / vectors_of_tile * depth * vectors_of_tile + v % vectors_of_tile) * lanes());
}

constexpr std::int64_t line = 16;  // floats of a cache line, in which weights are gone through

// f(l, j) for k by k: a line of each of `count` rows, before the next.
template <class F>
HWY_INLINE void for_lines(std::int64_t n, std::int64_t count, const F& f) {
  std::int64_t k = 0;
  for (; k + line <= n; k += line)
    for (std::int64_t j = 0; j < count; ++j)
      for (std::int64_t l = 0; l < line; ++l) f(k + l, j);
  for (std::int64_t j = 0; j < count; ++j)
    for (std::int64_t l = k; l < n; ++l) f(l, j);
}

void PackLstm(std::int64_t in, std::int64_t hidden, const float* w_ih, const float* w_hh,
              const float* bias, float* packed) {
  const std::int64_t width = panel_width();
  for_gate_vectors(hidden, in + hidden + 1, [&](std::int64_t v, std::int64_t begin) {
    const GateRows rows = gate_rows_of(hidden, v);
    float* to = packed + begin;
    const auto turn = [&](std::int64_t n, const float* w) {
      if (rows.count < lanes())
        for (std::int64_t k = 0; k < n; ++k) std::fill_n(to + k * width, lanes(), 0.0f);
      if (w)
        for_lines(n, rows.count, [&, from = w + rows.first * n](std::int64_t k, std::int64_t j) {
          to[k * width + j] = from[j * n + k];
        });
      to += n * width;
    };
    turn(in, w_ih);
    turn(hidden, w_hh);
    std::fill_n(to, lanes(), 0.0f);
    turn(1, bias);
  });
}

void UnpackLstm(std::int64_t in, std::int64_t hidden, const float* packed, const LstmGradient& to) {
  const std::int64_t width = panel_width();
  for_gate_vectors(hidden, in + hidden + 1, [&](std::int64_t v, std::int64_t begin) {
    const GateRows rows = gate_rows_of(hidden, v);
    const float* from = packed + begin;
    const auto turn = [&](std::int64_t n, float* w, bool add) {
      if (w && add)
        for_lines(n, rows.count, [&, d = w + rows.first * n](std::int64_t k, std::int64_t j) {
          d[j * n + k] += from[k * width + j];
        });
      else if (w)
        for_lines(n, rows.count, [&, d = w + rows.first * n](std::int64_t k, std::int64_t j) {
          d[j * n + k] = from[k * width + j];
        });
      from += n * width;
    };
    turn(in, to.ih, to.add_ih);
    turn(hidden, to.hh, to.add_hh);
    turn(1, to.bias, to.add_bias);
  });
}

void PackLstmTurned(std::int64_t hidden, std::int64_t n, const float* w, float* packed) {
  for (std::int64_t j = 0; j < n;) {
    const std::int64_t width = panel_vectors(n, j) * lanes(), used = std::min(width, n - j);
    for (std::int64_t v = 0; v < 4 * blocks_of(hidden); ++v) {
      const GateRows rows = gate_rows_of(hidden, v);
      for (std::int64_t i = 0; i < lanes(); ++i, packed += width) {
        const std::int64_t filled = i < rows.count ? used : 0;
        std::copy_n(w + (rows.first + i) * n + j, filled, packed);
        std::fill_n(packed + filled, width - filled, 0.0f);
      }
    }
    j += used;
  }
}

// f(first row, how many), a tile's rows at a time.
template <class F>
HWY_INLINE void for_row_tiles(std::int64_t first, std::int64_t last, const F& f) {
  for (std::int64_t i = first; i < last; i += rows_of_tile)
    f(i, static_cast<int>(std::min<std::int64_t>(rows_of_tile, last - i)));
}

void LstmTileStep(std::int64_t in, std::int64_t hidden, const LstmRows& rows, std::int64_t begin,
                  std::int64_t end, const float* packed, const float* x, const float* h,
                  const float* c_before, float* gates, float* c, float* h_out) {
  const std::int64_t lane = lanes(), width = panel_width(), depth = in + hidden + 1;
  HWY_ALIGN float z[rows_of_tile * 4 * 16];
  for (std::int64_t u = begin; u < end; ++u) {
    const float* weights = packed + u * panels_of_block * depth * width;
    V bias[4];
    for (int k = 0; k < 4; ++k)
      bias[k] = hn::LoadU(D(), weights + ((k / vectors_of_tile + 1) * depth - 1) * width +
                                   k % vectors_of_tile * lane);
    const auto units = [&](std::int64_t row, const float* sums, auto part) HWY_ATTR {
      V sum[4];
      for (int k = 0; k < 4; ++k) sum[k] = hn::Add(hn::LoadU(D(), sums + k * lane), bias[k]);
      const std::int64_t at = row * hidden + u * lane;
      const LstmUnits s = lstm_units<Quick>(sum, part.load(c_before + at));
      float* to = gates + (u * rows.batch + row) * 4 * lane;
      hn::StoreU(s.i, D(), to);
      hn::StoreU(s.f, D(), to + lane);
      hn::StoreU(s.g, D(), to + 2 * lane);
      hn::StoreU(s.o, D(), to + 3 * lane);
      part.store(s.c, c + at);
      part.store(s.h, h_out + at);
    };
    for_row_tiles(rows.first, rows.last, [&](std::int64_t row, int count) HWY_ATTR {
      Rows of_x{{}, 1, in, 0, 1}, of_h{{}, 1, hidden, 0, 1};
      float* to[rows_of_tile] = {};
      for (int r = 0; r < count; ++r) {
        of_x.at[r] = x + (row + r) * in;
        of_h.at[r] = h + (row + r) * hidden;
        to[r] = z + r * 4 * lane;
      }
      for (int p = 0; p < panels_of_block; ++p) {
        const float* w = weights + p * depth * width;
        tile_rows<vectors_of_tile>(count, of_x, w, to, width, false);
        tile_rows<vectors_of_tile>(count, of_h, w + in * width, to, width, true);
        for (int r = 0; r < count; ++r) to[r] += width;
      }
      const std::int64_t left = hidden - u * lane;
      for (int r = 0; r < count; ++r)
        if (left >= lane)
          units(row + r, z + r * 4 * lane, Whole{});
        else
          units(row + r, z + r * 4 * lane, Rest{hn::FirstN(D(), static_cast<std::size_t>(left))});
    });
  }
}

// The k values of `count` rows of gate gradients.
HWY_INLINE Rows gate_rows(std::int64_t hidden, LstmPanels<const float> dz, std::int64_t row,
                          int count) {
  const std::int64_t width = panel_width();
  Rows from{{}, LstmColumns(hidden) / width, width, dz.capacity * width, 1};
  for (int r = 0; r < count; ++r) from.at[r] = dz.data + (row + r) * width;
  return from;
}

void LstmTileStepPullback(std::int64_t hidden, const LstmRows& rows, std::int64_t j,
                          const float* turned_hh, LstmPanels<const float> dz_next,
                          const float* gates, const float* c_before, const float* c, const float* g,
                          float* dc, LstmPanels<float> dz) {
  const std::int64_t lane = lanes(), width = panel_width();
  const int vectors = panel_vectors(hidden, j);
  const float* weights = turned_hh + LstmColumns(hidden) * j;
  HWY_ALIGN float sums[rows_of_tile * 4 * 16];
  const auto units = [&](std::int64_t row, std::int64_t u, const float* from_next,
                         auto part) HWY_ATTR {
    const float* from = gates + (u * rows.batch + row) * 4 * lane;
    const std::int64_t at = row * hidden + u * lane;
    LstmUnits s;
    s.i = hn::LoadU(D(), from);
    s.f = hn::LoadU(D(), from + lane);
    s.g = hn::LoadU(D(), from + 2 * lane);
    s.o = hn::LoadU(D(), from + 3 * lane);
    s.c = part.load(c + at);
    V dh = part.load(g + at), d = part.load(dc + at), z[4];
    if (from_next) dh = hn::Add(dh, hn::LoadU(D(), from_next));
    lstm_units_pullback<Quick>(s, part.load(c_before + at), dh, d, z);
    part.store(d, dc + at);
    for (int k = 0; k < 4; ++k) {
      const std::int64_t panel = u * panels_of_block + k / vectors_of_tile;
      hn::StoreU(z[k], D(),
                 dz.data + (panel * dz.capacity + row) * width + k % vectors_of_tile * lane);
    }
  };
  for_row_tiles(rows.first, rows.last, [&](std::int64_t row, int count) HWY_ATTR {
    if (dz_next.data) {
      float* to[rows_of_tile] = {};
      for (int r = 0; r < count; ++r) to[r] = sums + r * width;
      tile_any(vectors, count, gate_rows(hidden, dz_next, row, count), weights, to, vectors * lane,
               false);
    }
    for (int r = 0; r < count; ++r)
      for (int v = 0; v < vectors; ++v) {
        const std::int64_t left = hidden - j - v * lane;
        const float* next = dz_next.data ? sums + r * width + v * lane : nullptr;
        if (left >= lane)
          units(row + r, j / lane + v, next, Whole{});
        else
          units(row + r, j / lane + v, next, Rest{hn::FirstN(D(), static_cast<std::size_t>(left))});
      }
  });
}

void LstmMultiply(std::int64_t m, std::int64_t n, std::int64_t hidden, LstmPanels<const float> dz,
                  const float* turned, float* y, bool add) {
  for (std::int64_t j = 0; j < n;) {
    const int vectors = panel_vectors(n, j);
    const std::int64_t width = vectors * lanes(), used = std::min(width, n - j);
    for_row_tiles(0, m, [&](std::int64_t row, int count) HWY_ATTR {
      float* to[rows_of_tile] = {};
      for (int r = 0; r < count; ++r) to[r] = y + (row + r) * n + j;
      tile_any(vectors, count, gate_rows(hidden, dz, row, count), turned, to, used, add);
    });
    turned += LstmColumns(hidden) * width;
    j += used;
  }
}

void LstmWeightGradient(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t last,
                        const float* a, const float* panel, float* to, bool add) {
  const std::int64_t width = panel_width();
  constexpr float one = 1;
  for_row_tiles(first, last, [&](std::int64_t i, int count) HWY_ATTR {
    Rows from{{}, 1, rows, 0, a ? n : 0};
    float* at[rows_of_tile] = {};
    for (int r = 0; r < count; ++r) {
      from.at[r] = a ? a + i + r : &one;
      at[r] = to + (i + r) * width;
    }
    tile_rows<vectors_of_tile>(count, from, panel, at, width, add);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(LstmColumns);
HWY_EXPORT(LstmPanel);
HWY_EXPORT(LstmBlock);
HWY_EXPORT(PackLstm);
HWY_EXPORT(UnpackLstm);
HWY_EXPORT(PackLstmTurned);
HWY_EXPORT(LstmTileStep);
HWY_EXPORT(LstmTileStepPullback);
HWY_EXPORT(LstmMultiply);
HWY_EXPORT(LstmWeightGradient);

std::int64_t lstm_columns(std::int64_t hidden) {
  static_cast<void>(simd());  // the instruction set is chosen before the first dispatch
  return HWY_DYNAMIC_DISPATCH(LstmColumns)(hidden);
}
std::int64_t lstm_panel() { return HWY_DYNAMIC_DISPATCH(LstmPanel)(); }
std::int64_t lstm_block() { return HWY_DYNAMIC_DISPATCH(LstmBlock)(); }

void pack_lstm(std::int64_t in, std::int64_t hidden, const float* w_ih, const float* w_hh,
               const float* bias, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackLstm)(in, hidden, w_ih, w_hh, bias, packed);
}
void unpack_lstm(std::int64_t in, std::int64_t hidden, const float* packed,
                 const LstmGradient& to) {
  HWY_DYNAMIC_DISPATCH(UnpackLstm)(in, hidden, packed, to);
}
void pack_lstm_turned(std::int64_t hidden, std::int64_t n, const float* w, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackLstmTurned)(hidden, n, w, packed);
}
void lstm_tile_step(std::int64_t in, std::int64_t hidden, const LstmRows& rows, std::int64_t begin,
                    std::int64_t end, const float* packed, const float* x, const float* h,
                    const float* c_before, float* gates, float* c, float* h_out) {
  HWY_DYNAMIC_DISPATCH(LstmTileStep)
  (in, hidden, rows, begin, end, packed, x, h, c_before, gates, c, h_out);
}
void lstm_tile_step_pullback(std::int64_t hidden, const LstmRows& rows, std::int64_t j,
                             const float* turned_hh, LstmPanels<const float> dz_next,
                             const float* gates, const float* c_before, const float* c,
                             const float* g, float* dc, LstmPanels<float> dz) {
  HWY_DYNAMIC_DISPATCH(LstmTileStepPullback)
  (hidden, rows, j, turned_hh, dz_next, gates, c_before, c, g, dc, dz);
}
void lstm_multiply(std::int64_t m, std::int64_t n, std::int64_t hidden, LstmPanels<const float> dz,
                   const float* turned, float* y, bool add) {
  HWY_DYNAMIC_DISPATCH(LstmMultiply)(m, n, hidden, dz, turned, y, add);
}
void lstm_weight_gradient(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t last,
                          const float* a, const float* panel, float* to, bool add) {
  HWY_DYNAMIC_DISPATCH(LstmWeightGradient)(rows, n, first, last, a, panel, to, add);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
