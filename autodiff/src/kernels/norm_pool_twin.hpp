// norm_pool_twin.hpp: the functions of norm_pool.hpp as plain loops: float64, and processors
// without AVX2. Tests hold the vector forms to these.
#pragma once

#include <algorithm>
#include <cstdint>

namespace metatape::kernel {

/// x [h, w, channels] in windows of side x side pixels; what is left over is in none.
struct NormPool {
  std::int64_t h, w, channels, side;
  [[nodiscard]] std::int64_t oh() const { return h / side; }
  [[nodiscard]] std::int64_t ow() const { return w / side; }
};

namespace twin {

// Calls f(window and channel, position of its first largest, that value before relu).
template <class T, class F>
void for_each_normalised(const NormPool& s, const T* x, const T* mean, const T* scale,
                         const T* shift, const F& f) {
  for (std::int64_t oy = 0, to = 0; oy < s.oh(); ++oy)
    for (std::int64_t ox = 0; ox < s.ow(); ++ox)
      for (std::int64_t k = 0; k < s.channels; ++k, ++to) {
        std::int64_t best = -1;
        T largest{0};
        for (std::int64_t i = 0; i < s.side * s.side; ++i) {
          const std::int64_t row = oy * s.side + i / s.side, column = ox * s.side + i % s.side;
          const std::int64_t at = (row * s.w + column) * s.channels + k;
          const T value = (x[at] - mean[k]) * scale[k] + shift[k];
          if (best < 0 || value > largest) best = at, largest = value;
        }
        f(to, best, largest);
      }
}

template <class T>
void norm_pool(const NormPool& s, const T* x, const T* mean, const T* scale, const T* shift, T* y) {
  for_each_normalised(s, x, mean, scale, shift, [&](std::int64_t to, std::int64_t, T value) {
    y[to] = value < T{0} ? T{0} : value;
  });
}

template <class T>
void norm_pool_products(const NormPool& s, const T* g, const T* x, const T* mean, const T* scale,
                        const T* shift, T* sum, T* product) {
  std::fill_n(sum, s.channels, T{0});
  std::fill_n(product, s.channels, T{0});
  for_each_normalised(s, x, mean, scale, shift, [&](std::int64_t to, std::int64_t at, T value) {
    if (!(value > T{0})) return;
    const std::int64_t k = to % s.channels;
    sum[k] += g[to];
    product[k] += g[to] * (x[at] - mean[k]);
  });
}

template <class T>
void norm_pool_combine(const NormPool& s, const T* g, const T* x, const T* mean, const T* scale,
                       const T* shift, const T* of_g, const T* of_x, const T* constant, T* d,
                       bool add) {
  for (std::int64_t at = 0; at < s.h * s.w * s.channels; ++at) {
    const std::int64_t k = at % s.channels;
    const T value = of_x[k] * (x[at] - mean[k]) + constant[k];
    d[at] = add ? d[at] + value : value;
  }
  for_each_normalised(s, x, mean, scale, shift, [&](std::int64_t to, std::int64_t at, T value) {
    if (value > T{0}) d[at] += of_g[to % s.channels] * g[to];
  });
}

template <class T>
void norm_pool_cross(const NormPool& s, const T* g, const T* x, const T* u, const T* mean,
                     const T* scale, const T* shift, T* cross) {
  std::fill_n(cross, s.channels, T{0});
  for_each_normalised(s, x, mean, scale, shift, [&](std::int64_t to, std::int64_t at, T value) {
    if (value > T{0}) cross[to % s.channels] += g[to] * u[at];
  });
}

template <class T>
void norm_pool_gather(const NormPool& s, const T* x, const T* u, const T* mean, const T* scale,
                      const T* shift, const T* of_u, const T* of_x, const T* constant, T* y,
                      bool add) {
  for_each_normalised(s, x, mean, scale, shift, [&](std::int64_t to, std::int64_t at, T value) {
    const std::int64_t k = to % s.channels;
    const T here =
        value > T{0} ? of_u[k] * u[at] + of_x[k] * (x[at] - mean[k]) + constant[k] : T{0};
    y[to] = add ? y[to] + here : here;
  });
}

}  // namespace twin

}  // namespace metatape::kernel
