// recurrent_twin.hpp: the functions of recurrent.hpp as plain loops. Tests hold the vector forms to
// these.
#pragma once

#include <cmath>
#include <cstdint>

namespace metatape::kernel::twin {

template <class T>
T logistic(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <class T>
void lstm_step(std::int64_t batch, std::int64_t hidden, const T* bias, const T* c_before, T* gates,
               T* c, T* h) {
  for (std::int64_t b = 0; b < batch; ++b) {
    T *i = gates + b * 4 * hidden, *f = i + hidden, *g = f + hidden, *o = g + hidden;
    if (bias)
      for (std::int64_t j = 0; j < 4 * hidden; ++j) i[j] += bias[j];
    for (std::int64_t j = 0; j < hidden; ++j) {
      const std::int64_t at = b * hidden + j;
      i[j] = logistic(i[j]);
      f[j] = logistic(f[j]);
      g[j] = std::tanh(g[j]);
      o[j] = logistic(o[j]);
      c[at] = f[j] * c_before[at] + i[j] * g[j];
      h[at] = o[j] * std::tanh(c[at]);
    }
  }
}

template <class T>
void lstm_step_pullback(std::int64_t batch, std::int64_t hidden, const T* gates, const T* c_before,
                        const T* c, const T* g_h, const T* dh_next, T* dc, T* dz) {
  for (std::int64_t b = 0; b < batch; ++b) {
    const T *i = gates + b * 4 * hidden, *f = i + hidden, *g = f + hidden, *o = g + hidden;
    T *zi = dz + b * 4 * hidden, *zf = zi + hidden, *zg = zf + hidden, *zo = zg + hidden;
    for (std::int64_t j = 0; j < hidden; ++j) {
      const std::int64_t at = b * hidden + j;
      const T dh = g_h[at] + (dh_next ? dh_next[at] : T{0});
      const T tanh_c = std::tanh(c[at]);
      const T d = dc[at] + dh * o[j] * (T{1} - tanh_c * tanh_c);
      zi[j] = d * g[j] * i[j] * (T{1} - i[j]);
      zf[j] = d * c_before[at] * f[j] * (T{1} - f[j]);
      zg[j] = d * i[j] * (T{1} - g[j] * g[j]);
      zo[j] = dh * tanh_c * o[j] * (T{1} - o[j]);
      dc[at] = d * f[j];
    }
  }
}

template <class T>
void gru_step(std::int64_t batch, std::int64_t hidden, const T* a, const T* q, const T* bias_ih,
              const T* bias_hh, const T* h, T* kept, T* out) {
  const auto biased = [](T value, const T* bias, std::int64_t at) {
    return bias ? value + bias[at] : value;
  };
  for (std::int64_t b = 0; b < batch; ++b, a += 3 * hidden, q += 3 * hidden, kept += 4 * hidden)
    for (std::int64_t j = 0; j < hidden; ++j) {
      const std::int64_t at = b * hidden + j, jz = hidden + j, jn = 2 * hidden + j;
      const T r = logistic(biased(a[j], bias_ih, j) + biased(q[j], bias_hh, j));
      const T z = logistic(biased(a[jz], bias_ih, jz) + biased(q[jz], bias_hh, jz));
      const T part = biased(q[jn], bias_hh, jn);
      const T n = std::tanh(biased(a[jn], bias_ih, jn) + r * part);
      kept[j] = r;
      kept[jz] = z;
      kept[jn] = n;
      kept[3 * hidden + j] = part;
      out[at] = (T{1} - z) * n + z * h[at];
    }
}

template <class T>
void gru_step_pullback(std::int64_t batch, std::int64_t hidden, const T* kept, const T* h,
                       const T* g, T* da, T* dq, T* dh, bool add) {
  for (std::int64_t b = 0; b < batch; ++b, kept += 4 * hidden, da += 3 * hidden, dq += 3 * hidden)
    for (std::int64_t j = 0; j < hidden; ++j) {
      const std::int64_t at = b * hidden + j, jz = hidden + j, jn = 2 * hidden + j;
      const T r = kept[j], z = kept[jz], n = kept[jn], part = kept[3 * hidden + j];
      const T dn = g[at] * (T{1} - z) * (T{1} - n * n);
      da[j] = dq[j] = dn * part * r * (T{1} - r);
      da[jz] = dq[jz] = g[at] * (h[at] - n) * z * (T{1} - z);
      da[jn] = dn;
      dq[jn] = dn * r;
      if (dh) dh[at] = (add ? dh[at] : T{0}) + g[at] * z;
    }
}

}  // namespace metatape::kernel::twin
