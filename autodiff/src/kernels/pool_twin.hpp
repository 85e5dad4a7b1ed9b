// pool_twin.hpp: the functions of pool.hpp as plain loops. Tests hold the vector forms to these.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace metatape::kernel {

/// Windows are clipped to the image; each must keep a pixel of it.
struct Pool {
  std::int64_t h, w, channels, oh, ow;
  std::array<std::int64_t, 2> kernel, stride, padding;
};

namespace twin {

// Calls f(output position, position of the window's largest element) for each output element.
template <class T, class F>
void for_each_largest(const Pool& s, const T* x, const F& f) {
  for (std::int64_t oy = 0, to = 0; oy < s.oh; ++oy)
    for (std::int64_t ox = 0; ox < s.ow; ++ox) {
      const std::int64_t y = oy * s.stride[0] - s.padding[0], x_ = ox * s.stride[1] - s.padding[1];
      const std::int64_t y0 = std::max<std::int64_t>(y, 0), y1 = std::min(y + s.kernel[0], s.h);
      const std::int64_t x0 = std::max<std::int64_t>(x_, 0), x1 = std::min(x_ + s.kernel[1], s.w);
      for (std::int64_t k = 0; k < s.channels; ++k, ++to) {
        std::int64_t best = (y0 * s.w + x0) * s.channels + k;
        for (std::int64_t r = y0; r < y1; ++r)
          for (std::int64_t q = x0; q < x1; ++q) {
            const std::int64_t at = (r * s.w + q) * s.channels + k;
            if (x[at] > x[best] || (std::isnan(x[at]) && !std::isnan(x[best]))) best = at;
          }
        f(to, best);
      }
    }
}

template <class T>
void max_pool(const Pool& s, const T* x, T* y) {
  for_each_largest(s, x, [&](std::int64_t to, std::int64_t from) { y[to] = x[from]; });
}
template <class T>
void max_pool_scatter(const Pool& s, const T* x, const T* g, T* d, bool add) {
  if (!add) std::fill_n(d, s.h * s.w * s.channels, T{0});
  for_each_largest(s, x, [&](std::int64_t from, std::int64_t to) { d[to] += g[from]; });
}
template <class T>
void max_pool_gather(const Pool& s, const T* x, const T* u, T* y, bool add) {
  for_each_largest(
      s, x, [&](std::int64_t to, std::int64_t from) { y[to] = (add ? y[to] : T{0}) + u[from]; });
}

}  // namespace twin

}  // namespace metatape::kernel
