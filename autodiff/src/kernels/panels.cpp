// panels.cpp: weights x panels of columns, sums in registers.
#include "panels.hpp"

#include <hwy/cache_control.h>

#include <type_traits>

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/panels.cpp"
#include <hwy/foreach_target.h>

#include "kernels/cell-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// Vectors of columns that a tile has: 16 registers (AVX2) hold two for each of four gates.
constexpr std::size_t most_lanes = hn::MaxLanes(D());
constexpr int across = most_lanes >= 16 ? 4 : 2;

template <int N>
using Count = std::integral_constant<int, N>;

// f(j): the tiles of a panel, `across` vectors each.
template <class F>
HWY_INLINE void for_tiles(const F& f) {
  for (std::int64_t j = 0; j < panel; j += across * lanes()) f(j);
}

// sum[r][v] += w[r * stride] x[v] over k of both.
template <int R>
HWY_INLINE void accumulate(std::int64_t k, const float* w, std::int64_t stride,
                           PanelRows<const float> x, std::int64_t j, V (&sum)[R][across]) {
  for (std::int64_t i = 0; i < k; ++i) {
    const float* from = x.data + i * x.stride + j;
    V value[across];
    for (int v = 0; v < across; ++v) value[v] = hn::LoadU(D(), from + v * lanes());
    for (int r = 0; r < R; ++r) {
      const V weight = set(w[r * stride + i]);
      for (int v = 0; v < across; ++v) sum[r][v] = hn::MulAdd(weight, value[v], sum[r][v]);
    }
  }
}

template <int R>
HWY_INLINE void multiply_rows(std::int64_t r, std::int64_t k, const float* w, const float* bias,
                              PanelRows<const float> x, PanelRows<float> y) {
  for_tiles([&](std::int64_t j) HWY_ATTR {
    V sum[R][across];
    for (int q = 0; q < R; ++q)
      for (int v = 0; v < across; ++v) sum[q][v] = set(bias ? bias[r + q] : 0.0f);
    accumulate<R>(k, w + r * k, k, x, j, sum);
    for (int q = 0; q < R; ++q)
      for (int v = 0; v < across; ++v)
        hn::StoreU(sum[q][v], D(), y.data + (r + q) * y.stride + j + v * lanes());
  });
}

void Multiply(std::int64_t rows, std::int64_t k, const float* w, const float* bias,
              PanelRows<const float> x, PanelRows<float> y) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) multiply_rows<4>(r, k, w, bias, x, y);
  for (; r < rows; ++r) multiply_rows<1>(r, k, w, bias, x, y);
}

template <int C>
HWY_INLINE void multiply_turned(std::int64_t i, std::int64_t rows, std::int64_t k, const float* w,
                                const float* g, PanelRows<float> y, bool add) {
  for_tiles([&](std::int64_t j) HWY_ATTR {
    V sum[C][across];
    for (int c = 0; c < C; ++c)
      for (int v = 0; v < across; ++v) sum[c][v] = set(0);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float *weight = w + r * k + i, *from = g + r * panel + j;
      V value[across];
      for (int v = 0; v < across; ++v) value[v] = hn::LoadU(D(), from + v * lanes());
      for (int c = 0; c < C; ++c) {
        const V factor = set(weight[c]);
        for (int v = 0; v < across; ++v) sum[c][v] = hn::MulAdd(factor, value[v], sum[c][v]);
      }
    }
    for (int c = 0; c < C; ++c)
      for (int v = 0; v < across; ++v) {
        float* to = y.data + (i + c) * y.stride + j + v * lanes();
        hn::StoreU(add ? hn::Add(hn::LoadU(D(), to), sum[c][v]) : sum[c][v], D(), to);
      }
  });
}

void MultiplyTurned(std::int64_t rows, std::int64_t k, const float* w, const float* g,
                    PanelRows<float> y, bool add) {
  std::int64_t i = 0;
  for (; i + 4 <= k; i += 4) multiply_turned<4>(i, rows, k, w, g, y, add);
  if (k - i >= 2) {
    multiply_turned<2>(i, rows, k, w, g, y, add);
    i += 2;
  }
  if (i < k) multiply_turned<1>(i, rows, k, w, g, y, add);
}

// to[c] += the sum of v[c]'s lanes. Where vectors are of 16 lanes four sums are made together; each
// adds in the order of SumOfLanes.
template <int C>
HWY_INLINE void add_lane_sums(const V (&v)[C], float* to) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (C == 4) {
    const hn::Half<D> half;
    const hn::Half<hn::Half<D>> quarter;
    hn::Vec<hn::Half<hn::Half<D>>> four[4];
    for (int c = 0; c < 4; ++c) {
      const auto eight = hn::Add(hn::UpperHalf(half, v[c]), hn::LowerHalf(half, v[c]));
      four[c] = hn::Add(hn::UpperHalf(quarter, eight), hn::LowerHalf(quarter, eight));
    }
    const auto two = [&](int c) HWY_ATTR {
      return hn::Add(hn::ConcatLowerLower(quarter, four[c + 1], four[c]),
                     hn::ConcatUpperUpper(quarter, four[c + 1], four[c]));
    };
    const auto low = two(0), high = two(2);
    const auto one = hn::Add(hn::ConcatEven(quarter, high, low), hn::ConcatOdd(quarter, high, low));
    hn::StoreU(hn::Add(hn::LoadU(quarter, to), one), quarter, to);
    return;
  }
#endif
  for (int c = 0; c < C; ++c) to[c] += hn::GetLane(hn::SumOfLanes(D(), v[c]));
}

#if HWY_TARGET <= HWY_AVX3
// Half of x's lanes added to the other half, the same of y, in one vector: by eight lanes, by four,
// by two, by one.
HWY_INLINE V add_eights(V x, V y) {
  return hn::Add(hn::ConcatUpperUpper(D(), y, x), hn::ConcatLowerLower(D(), y, x));
}
HWY_INLINE V add_fours(V x, V y) {
  return hn::Add(hn::OddEvenBlocks(y, x), hn::SwapAdjacentBlocks(hn::OddEvenBlocks(x, y)));
}
HWY_INLINE V add_twos(V x, V y) {
  const hn::Repartition<double, D> d;
  const auto odd_even = [&](V odd, V even) HWY_ATTR {
    return hn::BitCast(D(), hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, even)));
  };
  return hn::Add(odd_even(y, x), hn::Shuffle1032(odd_even(x, y)));
}
HWY_INLINE V add_ones(V x, V y) {
  return hn::Add(hn::OddEven(y, x), hn::Shuffle2301(hn::OddEven(x, y)));
}

// Row r, column c of `to`, its rows `stride` apart, += the sum of v[r][c]'s lanes, of four rows:
// sixteen sums together, each in the order of SumOfLanes.
template <int R>
HWY_INLINE void add_lane_sums(const V (&v)[R][4], float* to, std::int64_t stride) {
  const auto column = [&](int c) HWY_ATTR {
    return add_fours(add_eights(v[0][c], v[2][c]), add_eights(v[1][c], v[3][c]));
  };
  const V sums = add_ones(add_twos(column(0), column(2)), add_twos(column(1), column(3)));
  const hn::Half<D> half;
  const hn::Half<hn::Half<D>> quarter;
  const auto add_row = [&](int r, hn::Vec<hn::Half<hn::Half<D>>> row) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(quarter, to + r * stride), row), quarter, to + r * stride);
  };
  add_row(0, hn::LowerHalf(quarter, hn::LowerHalf(half, sums)));
  add_row(1, hn::UpperHalf(quarter, hn::LowerHalf(half, sums)));
  add_row(2, hn::LowerHalf(quarter, hn::UpperHalf(half, sums)));
  add_row(3, hn::UpperHalf(quarter, hn::UpperHalf(half, sums)));
}
#endif

// A tile of R x C sums over columns, each lane apart until the end; with `sums`, of the rows of g
// alone too, which are at hand.
template <int R, int C, bool summed>
HWY_INLINE void outer_tile(std::int64_t r, std::int64_t i, std::int64_t k,
                           std::span<const PanelPair<float>> pairs, float* w, float* sums) {
  V sum[R][C], row[R];
  for (int q = 0; q < R; ++q) {
    row[q] = set(0);
    for (int c = 0; c < C; ++c) sum[q][c] = set(0);
  }
  for (const PanelPair<float>& p : pairs) {
    const float *g = p.g + r * panel, *x = p.x.data + i * p.x.stride;
    for (std::int64_t j = 0; j < panel; j += lanes()) {
      V right[C];
      for (int c = 0; c < C; ++c) right[c] = hn::LoadU(D(), x + c * p.x.stride + j);
      for (int q = 0; q < R; ++q) {
        const V left = hn::LoadU(D(), g + q * panel + j);
        for (int c = 0; c < C; ++c) sum[q][c] = hn::MulAdd(left, right[c], sum[q][c]);
        if constexpr (summed) row[q] = hn::Add(row[q], left);
      }
    }
  }
  float* const to = w + r * k + i;
  int done = 0;
#if HWY_TARGET <= HWY_AVX3
  if constexpr (R >= 4 && C == 4) {
    add_lane_sums(sum, to, k);
    done = 4;
  }
#endif
  for (int q = done; q < R; ++q) add_lane_sums(sum[q], to + q * k);
  if constexpr (summed) add_lane_sums(row, sums + r);
}

template <int R>
HWY_INLINE void outer_rows(std::int64_t r, std::int64_t k, std::span<const PanelPair<float>> pairs,
                           float* w, float* sums) {
  const auto columns = [&]<int C>(Count<C>, std::int64_t i) HWY_ATTR {
    if (sums && i == 0)
      outer_tile<R, C, true>(r, i, k, pairs, w, sums);
    else
      outer_tile<R, C, false>(r, i, k, pairs, w, nullptr);
  };
  std::int64_t i = 0;
  for (; i + 4 <= k; i += 4) columns(Count<4>(), i);
  if (k - i >= 2) {
    columns(Count<2>(), i);
    i += 2;
  }
  if (i < k) columns(Count<1>(), i);
}

void Sums(std::int64_t rows, std::span<const PanelPair<float>> pairs, float* sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    V sum = set(0);
    for (const PanelPair<float>& p : pairs)
      for (std::int64_t j = 0; j < panel; j += lanes())
        sum = hn::Add(sum, hn::LoadU(D(), p.g + r * panel + j));
    sums[r] += hn::GetLane(hn::SumOfLanes(D(), sum));
  }
}

void Outer(std::int64_t rows, std::int64_t k, std::span<const PanelPair<float>> pairs, float* w,
           float* sums) {
  if (!w || k == 0) {
    if (sums) Sums(rows, pairs, sums);
    return;
  }
  constexpr int tall = most_lanes >= 16 ? 4 : 2, taller = most_lanes >= 16 ? 5 : 2;
  std::int64_t r = 0;
  if (rows % taller == 0)
    for (; r < rows; r += taller) outer_rows<taller>(r, k, pairs, w, sums);
  for (; r + tall <= rows; r += tall) outer_rows<tall>(r, k, pairs, w, sums);
  for (; r < rows; ++r) outer_rows<1>(r, k, pairs, w, sums);
}

void LstmPanel(const PanelLstm<float>& layer, PanelRows<const float> x, PanelRows<const float> h,
               PanelRows<const float> c, float* gates, PanelRows<float> c_out,
               PanelRows<float> h_out) {
  const std::int64_t hidden = layer.hidden, block = hidden * panel;
  for_tiles([&](std::int64_t j) HWY_ATTR {
    // A unit's output gate and cell wait for the next unit, whose functions their tanh is taken
    // with: alone it would be a chain too long for a processor to look beyond.
    V output[across], cell[across];
    for (int v = 0; v < across; ++v) output[v] = cell[v] = set(0);
    const auto store_h = [&](std::int64_t u, int v, V tanh_c) HWY_ATTR {
      hn::StoreU(hn::Mul(output[v], tanh_c), D(), h_out.data + u * h_out.stride + j + v * lanes());
    };
    for (std::int64_t u = 0; u < hidden; ++u) {
      // The next panel's state, four lines a row: too short for the processor to see them coming.
      for (std::int64_t ahead = panel; ahead < 2 * panel; ahead += 16) {
        if (j == 0 && h.stride > panel) hwy::Prefetch(h.data + u * h.stride + ahead);
        if (j == 0 && c.stride > panel) hwy::Prefetch(c.data + u * c.stride + ahead);
      }
      V z[4][across];
      for (int k = 0; k < 4; ++k)
        for (int v = 0; v < across; ++v)
          z[k][v] = set(layer.bias ? layer.bias[k * hidden + u] : 0.0f);
      accumulate<4>(layer.in, layer.w_ih + u * layer.in, hidden * layer.in, x, j, z);
      accumulate<4>(hidden, layer.w_hh + u * hidden, hidden * hidden, h, j, z);
      for (int v = 0; v < across; ++v) {
        V all[5] = {z[0][v], z[1][v], z[3][v], z[2][v], cell[v]};
        quick_functions<2>(all);
        const std::int64_t at = j + v * lanes();
        if (u > 0) store_h(u - 1, v, all[4]);
        const V i = all[0], f = all[1], o = all[2], g = all[3];
        const V before = hn::LoadU(D(), c.data + u * c.stride + at);
        cell[v] = hn::MulAdd(f, before, hn::Mul(i, g));
        output[v] = o;
        if (gates) {
          float* to = gates + u * panel + at;
          hn::StoreU(i, D(), to);
          hn::StoreU(f, D(), to + block);
          hn::StoreU(g, D(), to + 2 * block);
          hn::StoreU(o, D(), to + 3 * block);
        }
        hn::StoreU(cell[v], D(), c_out.data + u * c_out.stride + at);
      }
    }
    quick_functions<across>(cell);
    for (int v = 0; v < across && hidden > 0; ++v) store_h(hidden - 1, v, cell[v]);
  });
}

void LstmPanelPullback(std::int64_t hidden, const float* gates, PanelRows<const float> c_before,
                       PanelRows<const float> c, PanelRows<const float> g_h, const float* dh_next,
                       PanelRows<const float> dc, PanelRows<float> dc_before, float* dz) {
  const std::int64_t block = hidden * panel;
  for (std::int64_t u = 0; u < hidden; ++u)
    for (std::int64_t j = 0; j < panel; j += lanes()) {
      const std::int64_t at = u * panel + j;
      const V i = hn::LoadU(D(), gates + at), f = hn::LoadU(D(), gates + block + at);
      const V n = hn::LoadU(D(), gates + 2 * block + at);
      const V o = hn::LoadU(D(), gates + 3 * block + at);
      V dh = hn::LoadU(D(), g_h.data + u * g_h.stride + j);
      if (dh_next) dh = hn::Add(dh, hn::LoadU(D(), dh_next + at));
      const V t = quick_tanh(hn::LoadU(D(), c.data + u * c.stride + j));
      const V before = hn::LoadU(D(), c_before.data + u * c_before.stride + j);
      const V d = hn::MulAdd(hn::Mul(dh, o), hn::NegMulAdd(t, t, set(1)),
                             hn::LoadU(D(), dc.data + u * dc.stride + j));
      const V di = hn::Mul(hn::Mul(d, n), hn::NegMulAdd(i, i, i));
      const V df = hn::Mul(hn::Mul(d, before), hn::NegMulAdd(f, f, f));
      const V dn = hn::Mul(hn::Mul(d, i), hn::NegMulAdd(n, n, set(1)));
      const V d_o = hn::Mul(hn::Mul(dh, t), hn::NegMulAdd(o, o, o));
      hn::StoreU(di, D(), dz + at);
      hn::StoreU(df, D(), dz + block + at);
      hn::StoreU(dn, D(), dz + 2 * block + at);
      hn::StoreU(d_o, D(), dz + 3 * block + at);
      hn::StoreU(hn::Mul(d, f), D(), dc_before.data + u * dc_before.stride + j);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyTurned);
HWY_EXPORT(Outer);
HWY_EXPORT(LstmPanel);
HWY_EXPORT(LstmPanelPullback);

void panel_multiply(std::int64_t rows, std::int64_t k, const float* w, const float* bias,
                    PanelRows<const float> x, PanelRows<float> y) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(Multiply)(rows, k, w, bias, x, y);
  twin::panel_multiply(rows, k, w, bias, x, y);
}
void panel_multiply_turned(std::int64_t rows, std::int64_t k, const float* w, const float* g,
                           PanelRows<float> y, bool add) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(MultiplyTurned)(rows, k, w, g, y, add);
  twin::panel_multiply_turned(rows, k, w, g, y, add);
}
void panel_outer(std::int64_t rows, std::int64_t k, std::span<const PanelPair<float>> pairs,
                 float* w, float* sums) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(Outer)(rows, k, pairs, w, sums);
  twin::panel_outer(rows, k, pairs, w, sums);
}
void panel_lstm(const PanelLstm<float>& layer, PanelRows<const float> x, PanelRows<const float> h,
                PanelRows<const float> c, float* gates, PanelRows<float> c_out,
                PanelRows<float> h_out) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(LstmPanel)(layer, x, h, c, gates, c_out, h_out);
  twin::panel_lstm(layer, x, h, c, gates, c_out, h_out);
}
void panel_lstm_pullback(std::int64_t hidden, const float* gates, PanelRows<const float> c_before,
                         PanelRows<const float> c, PanelRows<const float> g, const float* dh_next,
                         PanelRows<const float> dc, PanelRows<float> dc_before, float* dz) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(LstmPanelPullback)(hidden, gates, c_before, c, g, dh_next, dc,
                                                   dc_before, dz);
  twin::panel_lstm_pullback(hidden, gates, c_before, c, g, dh_next, dc, dc_before, dz);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
