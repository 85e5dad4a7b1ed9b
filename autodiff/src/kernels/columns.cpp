// columns.cpp: column sums and column-wise formulas, with the columns' constants in registers.
#include "columns.hpp"

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/columns.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

void Moments(std::int64_t rows, std::int64_t n, const float* x, float* mean, float* square) {
  const V share = hn::Div(set(1), set(static_cast<float>(rows)));
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V m[c], q[c];
    for (int v = 0; v < c; ++v) m[v] = q[v] = set(0);
    const float* at = x + j;
    for (std::int64_t r = 0; r < rows; ++r, at += n)
      for (int v = 0; v < c; ++v) m[v] = hn::Add(m[v], part.load(at + v * step));
    for (int v = 0; v < c; ++v) m[v] = hn::Mul(m[v], share);
    at = x + j;
    for (std::int64_t r = 0; r < rows; ++r, at += n)
      for (int v = 0; v < c; ++v) {
        const V d = hn::Sub(part.load(at + v * step), m[v]);
        q[v] = hn::MulAdd(d, d, q[v]);
      }
    for (int v = 0; v < c; ++v) {
      part.store(m[v], mean + j + v * step);
      part.store(q[v], square + j + v * step);
    }
  });
}

void Normalise(std::int64_t rows, std::int64_t n, const float* x, const float* mean,
               const float* scale, const float* shift, float* y) {
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V m[c], s[c], b[c];
    for (int v = 0; v < c; ++v) {
      m[v] = part.load(mean + j + v * step);
      s[v] = part.load(scale + j + v * step);
      b[v] = part.load(shift + j + v * step);
    }
    for (std::int64_t r = 0, at = j; r < rows; ++r, at += n)
      for (int v = 0; v < c; ++v) {
        const V d = hn::Sub(part.load(x + at + v * step), m[v]);
        part.store(hn::MulAdd(d, s[v], b[v]), y + at + v * step);
      }
  });
}

void Products(std::int64_t rows, std::int64_t n, const float* g, const float* x, const float* mean,
              float* sum, float* product) {
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V m[c], s[c], p[c];
    for (int v = 0; v < c; ++v) {
      m[v] = part.load(mean + j + v * step);
      s[v] = p[v] = set(0);
    }
    for (std::int64_t r = 0, at = j; r < rows; ++r, at += n)
      for (int v = 0; v < c; ++v) {
        const V e = part.load(g + at + v * step);
        s[v] = hn::Add(s[v], e);
        p[v] = hn::MulAdd(e, hn::Sub(part.load(x + at + v * step), m[v]), p[v]);
      }
    for (int v = 0; v < c; ++v) {
      part.store(s[v], sum + j + v * step);
      part.store(p[v], product + j + v * step);
    }
  });
}

template <bool HasG, bool Add>
HWY_INLINE void combine(std::int64_t rows, std::int64_t n, const float* g, const float* x,
                        const float* mean, const float* of_g, const float* of_x,
                        const float* constant, float* d) {
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V m[c], a[c], b[c], k[c];
    for (int v = 0; v < c; ++v) {
      m[v] = part.load(mean + j + v * step);
      a[v] = HasG ? part.load(of_g + j + v * step) : set(0);
      b[v] = part.load(of_x + j + v * step);
      k[v] = part.load(constant + j + v * step);
    }
    for (std::int64_t r = 0, at = j; r < rows; ++r, at += n)
      for (int v = 0; v < c; ++v) {
        const std::int64_t i = at + v * step;
        V value = hn::MulAdd(hn::Sub(part.load(x + i), m[v]), b[v], k[v]);
        if constexpr (HasG) value = hn::MulAdd(part.load(g + i), a[v], value);
        if constexpr (Add) value = hn::Add(part.load(d + i), value);
        part.store(value, d + i);
      }
  });
}

void Combine(std::int64_t rows, std::int64_t n, const float* g, const float* x, const float* mean,
             const float* of_g, const float* of_x, const float* constant, float* d, bool add) {
  if (of_g)
    return add ? combine<true, true>(rows, n, g, x, mean, of_g, of_x, constant, d)
               : combine<true, false>(rows, n, g, x, mean, of_g, of_x, constant, d);
  add ? combine<false, true>(rows, n, g, x, mean, of_g, of_x, constant, d)
      : combine<false, false>(rows, n, g, x, mean, of_g, of_x, constant, d);
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(Moments);
HWY_EXPORT(Normalise);
HWY_EXPORT(Products);
HWY_EXPORT(Combine);

void column_moments(std::int64_t rows, std::int64_t n, const float* x, float* mean, float* square) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(Moments)(rows, n, x, mean, square);
  twin::column_moments(rows, n, x, mean, square);
}
void normalise_columns(std::int64_t rows, std::int64_t n, const float* x, const float* mean,
                       const float* scale, const float* shift, float* y) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(Normalise)(rows, n, x, mean, scale, shift, y);
  twin::normalise_columns(rows, n, x, mean, scale, shift, y);
}
void column_products(std::int64_t rows, std::int64_t n, const float* g, const float* x,
                     const float* mean, float* sum, float* product) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(Products)(rows, n, g, x, mean, sum, product);
  twin::column_products(rows, n, g, x, mean, sum, product);
}
void combine_columns(std::int64_t rows, std::int64_t n, const float* g, const float* x,
                     const float* mean, const float* of_g, const float* of_x, const float* constant,
                     float* d, bool add) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(Combine)(rows, n, g, x, mean, of_g, of_x, constant, d, add);
  twin::combine_columns(rows, n, g, x, mean, of_g, of_x, constant, d, add);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
