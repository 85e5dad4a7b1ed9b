// panels_twin.hpp: the functions of panels.hpp as plain loops: float64, and processors without
// AVX2. Tests hold the vector forms to these.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace metatape::kernel {

/// Columns of a panel: four vectors of AVX-512.
inline constexpr std::int64_t panel = 64;

/// Rows of a panel where they lie: row r begins at data + r * stride, and has `panel` elements.
template <class T>
struct PanelRows {
  T* data = nullptr;
  std::int64_t stride = panel;
  PanelRows from(std::int64_t row) const { return {data + row * stride, stride}; }
};

/// Weights of one LSTM layer: w_ih [4 hidden, in], w_hh [4 hidden, hidden], bias [4 hidden] or
/// null.
template <class T>
struct PanelLstm {
  std::int64_t in = 0, hidden = 0;
  const T *w_ih = nullptr, *w_hh = nullptr, *bias = nullptr;
};

/// Two sets of rows that stand beside each other in a sum over columns.
template <class T>
struct PanelPair {
  const T* g = nullptr;  ///< contiguous [rows, panel]
  PanelRows<const T> x{};
};

namespace twin {

// sum[j] += w x[j], column by column: what compilers make vectors of.
template <class T>
void accumulate(std::int64_t k, const T* w, std::int64_t step, const T* x, std::int64_t stride,
                T (&sum)[panel]) {
  for (std::int64_t i = 0; i < k; ++i) {
    const T weight = w[i * step];
    const T* const from = x + i * stride;
    for (std::int64_t j = 0; j < panel; ++j) sum[j] += weight * from[j];
  }
}

template <class T>
void panel_multiply(std::int64_t rows, std::int64_t k, const T* w, const T* bias,
                    PanelRows<const T> x, PanelRows<T> y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    T sum[panel];
    std::fill_n(sum, panel, bias ? bias[r] : T{0});
    accumulate(k, w + r * k, 1, x.data, x.stride, sum);
    std::copy_n(sum, panel, y.data + r * y.stride);
  }
}

template <class T>
void panel_multiply_turned(std::int64_t rows, std::int64_t k, const T* w, const T* g,
                           PanelRows<T> y, bool add) {
  for (std::int64_t i = 0; i < k; ++i) {
    T sum[panel] = {};
    accumulate(rows, rows > 0 ? w + i : w, k, g, panel, sum);
    T* const to = y.data + i * y.stride;
    for (std::int64_t j = 0; j < panel; ++j) to[j] = add ? to[j] + sum[j] : sum[j];
  }
}

template <class T>
T total(const T (&sum)[panel]) {
  T all{0};
  for (const T s : sum) all += s;
  return all;
}

template <class T>
void panel_outer(std::int64_t rows, std::int64_t k, std::span<const PanelPair<T>> pairs, T* w,
                 T* sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; w && i < k; ++i) {
      T sum[panel] = {};
      for (const PanelPair<T>& p : pairs) {
        const T *g = p.g + r * panel, *x = p.x.data + i * p.x.stride;
        for (std::int64_t j = 0; j < panel; ++j) sum[j] += g[j] * x[j];
      }
      w[r * k + i] += total(sum);
    }
    if (!sums) continue;
    T sum[panel] = {};
    for (const PanelPair<T>& p : pairs)
      for (std::int64_t j = 0; j < panel; ++j) sum[j] += p.g[r * panel + j];
    sums[r] += total(sum);
  }
}

template <class T>
void panel_lstm(const PanelLstm<T>& layer, PanelRows<const T> x, PanelRows<const T> h,
                PanelRows<const T> c, T* gates, PanelRows<T> c_out, PanelRows<T> h_out) {
  const auto logistic = [](T v) { return T{1} / (T{1} + std::exp(-v)); };
  for (std::int64_t u = 0; u < layer.hidden; ++u) {
    T z[4][panel];
    for (std::int64_t k = 0; k < 4; ++k) {
      const std::int64_t row = k * layer.hidden + u;
      std::fill_n(z[k], panel, layer.bias ? layer.bias[row] : T{0});
      accumulate(layer.in, layer.w_ih + row * layer.in, 1, x.data, x.stride, z[k]);
      accumulate(layer.hidden, layer.w_hh + row * layer.hidden, 1, h.data, h.stride, z[k]);
      for (T& v : z[k]) v = k == 2 ? std::tanh(v) : logistic(v);
      if (gates) std::copy_n(z[k], panel, gates + row * panel);
    }
    for (std::int64_t j = 0; j < panel; ++j) {
      const T cell = z[1][j] * c.data[u * c.stride + j] + z[0][j] * z[2][j];
      c_out.data[u * c_out.stride + j] = cell;
      h_out.data[u * h_out.stride + j] = z[3][j] * std::tanh(cell);
    }
  }
}

template <class T>
void panel_lstm_pullback(std::int64_t hidden, const T* gates, PanelRows<const T> c_before,
                         PanelRows<const T> c, PanelRows<const T> g, const T* dh_next,
                         PanelRows<const T> dc, PanelRows<T> dc_before, T* dz) {
  const std::int64_t block = hidden * panel;
  for (std::int64_t u = 0; u < hidden; ++u)
    for (std::int64_t j = 0; j < panel; ++j) {
      const std::int64_t at = u * panel + j;
      const T i = gates[at], f = gates[block + at], n = gates[2 * block + at];
      const T o = gates[3 * block + at];
      const T dh = g.data[u * g.stride + j] + (dh_next ? dh_next[at] : T{0});
      const T tanh_c = std::tanh(c.data[u * c.stride + j]);
      const T d = dc.data[u * dc.stride + j] + dh * o * (T{1} - tanh_c * tanh_c);
      dz[at] = d * n * i * (T{1} - i);
      dz[block + at] = d * c_before.data[u * c_before.stride + j] * f * (T{1} - f);
      dz[2 * block + at] = d * i * (T{1} - n * n);
      dz[3 * block + at] = dh * tanh_c * o * (T{1} - o);
      dc_before.data[u * dc_before.stride + j] = d * f;
    }
}

}  // namespace twin
}  // namespace metatape::kernel
