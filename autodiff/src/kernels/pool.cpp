// pool.cpp: windows of pixels, a vector of channels at a time.
#include "pool.hpp"

#include <algorithm>

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// A window's part inside the image: rows x columns pixels from `first` on, as offsets in elements.
struct Window {
  std::int64_t first, rows, columns;
};

template <class F>
HWY_INLINE void for_windows(const Pool& s, const F& f) {
  for (std::int64_t oy = 0, to = 0; oy < s.oh; ++oy) {
    const std::int64_t y = oy * s.stride[0] - s.padding[0], y0 = std::max<std::int64_t>(y, 0);
    const std::int64_t rows = std::min(y + s.kernel[0], s.h) - y0;
    for (std::int64_t ox = 0; ox < s.ow; ++ox, to += s.channels) {
      const std::int64_t x = ox * s.stride[1] - s.padding[1], x0 = std::max<std::int64_t>(x, 0);
      f(to, Window{(y0 * s.w + x0) * s.channels, rows, std::min(x + s.kernel[1], s.w) - x0});
    }
  }
}

// f(offset, pixel's number) for each pixel of the window.
template <class F>
HWY_INLINE void for_pixels(const Pool& s, const Window& v, const F& f) {
  float number = 0;
  for (std::int64_t y = 0; y < v.rows; ++y)
    for (std::int64_t x = 0; x < v.columns; ++x, number += 1)
      f(v.first + (y * s.w + x) * s.channels, number);
}

HWY_INLINE M beats(V v, V best) {
  return hn::Or(hn::Gt(v, best), hn::AndNot(hn::IsNaN(best), hn::IsNaN(v)));
}

// The number of the window's largest pixel, for each channel of the vector at k.
template <class Part>
HWY_INLINE V largest(const Pool& s, const Window& v, Part part, const float* x) {
  V best = part.load(x + v.first), which = set(0);
  for_pixels(s, v, [&](std::int64_t at, float number) HWY_ATTR {
    const V candidate = part.load(x + at);
    const M wins = beats(candidate, best);
    best = hn::IfThenElse(wins, candidate, best);
    which = hn::IfThenElse(wins, set(number), which);
  });
  return which;
}

void MaxPool(const Pool& s, const float* x, float* y) {
  for_windows(s, [&](std::int64_t to, const Window& v) HWY_ATTR {
    for_vectors(s.channels, [&](std::int64_t k, auto part) HWY_ATTR {
      V best = part.load(x + v.first + k);
      for_pixels(s, v, [&](std::int64_t at, float) HWY_ATTR {
        const V candidate = part.load(x + at + k);
        best = hn::IfThenElse(beats(candidate, best), candidate, best);
      });
      part.store(best, y + to + k);
    });
  });
}

// Windows that lie side by side and cover the image write each element once.
HWY_INLINE bool covers(const Pool& s) {
  return s.kernel == s.stride && s.padding[0] + s.padding[1] == 0 && s.oh * s.stride[0] == s.h &&
         s.ow * s.stride[1] == s.w;
}

void MaxPoolScatter(const Pool& s, const float* x, const float* g, float* d, bool add) {
  if (!add && covers(s))
    return for_windows(s, [&](std::int64_t from, const Window& v) HWY_ATTR {
      for_vectors(s.channels, [&](std::int64_t k, auto part) HWY_ATTR {
        const V which = largest(s, v, part, x + k), value = part.load(g + from + k);
        for_pixels(s, v, [&](std::int64_t at, float number) HWY_ATTR {
          part.store(hn::IfThenElseZero(hn::Eq(which, set(number)), value), d + at + k);
        });
      });
    });
  if (!add) std::fill_n(d, s.h * s.w * s.channels, 0.0f);
  for_windows(s, [&](std::int64_t from, const Window& v) HWY_ATTR {
    for_vectors(s.channels, [&](std::int64_t k, auto part) HWY_ATTR {
      const V which = largest(s, v, part, x + k), value = part.load(g + from + k);
      for_pixels(s, v, [&](std::int64_t at, float number) HWY_ATTR {
        const V here = hn::IfThenElseZero(hn::Eq(which, set(number)), value);
        part.store(hn::Add(part.load(d + at + k), here), d + at + k);
      });
    });
  });
}

void MaxPoolGather(const Pool& s, const float* x, const float* u, float* y, bool add) {
  for_windows(s, [&](std::int64_t to, const Window& v) HWY_ATTR {
    for_vectors(s.channels, [&](std::int64_t k, auto part) HWY_ATTR {
      const V which = largest(s, v, part, x + k);
      V value = set(0);
      for_pixels(s, v, [&](std::int64_t at, float number) HWY_ATTR {
        value = hn::IfThenElse(hn::Eq(which, set(number)), part.load(u + at + k), value);
      });
      part.store(add ? hn::Add(part.load(y + to + k), value) : value, y + to + k);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(MaxPool);
HWY_EXPORT(MaxPoolScatter);
HWY_EXPORT(MaxPoolGather);

void max_pool(const Pool& s, const float* x, float* y) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(MaxPool)(s, x, y);
  twin::max_pool(s, x, y);
}
void max_pool_scatter(const Pool& s, const float* x, const float* g, float* d, bool add) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(MaxPoolScatter)(s, x, g, d, add);
  twin::max_pool_scatter(s, x, g, d, add);
}
void max_pool_gather(const Pool& s, const float* x, const float* u, float* y, bool add) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(MaxPoolGather)(s, x, u, y, add);
  twin::max_pool_gather(s, x, u, y, add);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
