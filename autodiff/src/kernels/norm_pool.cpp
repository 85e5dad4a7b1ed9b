// norm_pool.cpp: windows of normalised pixels, a vector of channels at a time.
#include "norm_pool.hpp"

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm_pool.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// Of one vector of channels: how a pixel is normalised.
struct Norm {
  V mean, scale, shift;
  template <class Part>
  HWY_INLINE Norm(Part part, const float* m, const float* s, const float* b)
      : mean(part.load(m)), scale(part.load(s)), shift(part.load(b)) {}
};

template <int Side>
struct Window {
  V centred[Side * Side];  // x - mean of its pixels
  V largest;               // of the normalised ones,
  V which, there;          // its number and its x - mean
};

// A column is NaN as a whole or not at all, as its mean is, so comparing by > loses none.
template <int Side, class Part>
HWY_INLINE Window<Side> window(Part part, const Norm& norm, const float* x, std::int64_t line,
                               std::int64_t n) {
  Window<Side> w;
  for (int i = 0; i < Side * Side; ++i) {
    w.centred[i] = hn::Sub(part.load(x + i / Side * line + i % Side * n), norm.mean);
    const V value = hn::MulAdd(w.centred[i], norm.scale, norm.shift);
    if (i == 0) {
      w.largest = value;
      w.which = set(0);
      w.there = w.centred[0];
      continue;
    }
    const M wins = hn::Gt(value, w.largest);
    w.largest = hn::IfThenElse(wins, value, w.largest);
    w.which = hn::IfThenElse(wins, set(static_cast<float>(i)), w.which);
    w.there = hn::IfThenElse(wins, w.centred[i], w.there);
  }
  return w;
}

// f(position in x, position in y) for each window's first element.
template <int Side, class F>
HWY_INLINE void for_windows(const NormPool& s, const F& f) {
  const std::int64_t n = s.channels, line = s.w * n;
  for (std::int64_t oy = 0, to = 0; oy < s.oh(); ++oy)
    for (std::int64_t ox = 0; ox < s.ow(); ++ox, to += n) f(oy * Side * line + ox * Side * n, to);
}

template <int Side>
HWY_INLINE void value(const NormPool& s, const float* x, const float* mean, const float* scale,
                      const float* shift, float* y) {
  const std::int64_t n = s.channels, line = s.w * n;
  for_windows<Side>(s, [&](std::int64_t at, std::int64_t to) HWY_ATTR {
    for_vectors(n, [&](std::int64_t k, auto part) HWY_ATTR {
      const Norm norm(part, mean + k, scale + k, shift + k);
      const V largest = window<Side>(part, norm, x + at + k, line, n).largest;
      part.store(hn::IfThenZeroElse(hn::Lt(largest, set(0)), largest), y + to + k);
    });
  });
}

template <int Side>
HWY_INLINE void products(const NormPool& s, const float* g, const float* x, const float* mean,
                         const float* scale, const float* shift, float* sum, float* product) {
  const std::int64_t n = s.channels, line = s.w * n;
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V of_e[c], of_product[c];
    for (int v = 0; v < c; ++v) of_e[v] = of_product[v] = set(0);
    for_windows<Side>(s, [&](std::int64_t at, std::int64_t to) HWY_ATTR {
      for (int v = 0; v < c; ++v) {
        const std::int64_t k = j + v * step;
        const Norm norm(part, mean + k, scale + k, shift + k);
        const Window<Side> w = window<Side>(part, norm, x + at + k, line, n);
        const V e = hn::IfThenElseZero(hn::Gt(w.largest, set(0)), part.load(g + to + k));
        of_e[v] = hn::Add(of_e[v], e);
        of_product[v] = hn::MulAdd(e, w.there, of_product[v]);
      }
    });
    for (int v = 0; v < c; ++v) {
      part.store(of_e[v], sum + j + v * step);
      part.store(of_product[v], product + j + v * step);
    }
  });
}

template <int Side, bool Add>
HWY_INLINE void combine(const NormPool& s, const float* g, const float* x, const float* mean,
                        const float* scale, const float* shift, const float* of_g,
                        const float* of_x, const float* constant, float* d) {
  const std::int64_t n = s.channels, line = s.w * n;
  const auto put = [](auto part, V value, float* to)
                       HWY_ATTR { part.store(Add ? hn::Add(part.load(to), value) : value, to); };
  for_windows<Side>(s, [&](std::int64_t at, std::int64_t from) HWY_ATTR {
    for_vectors(n, [&](std::int64_t k, auto part) HWY_ATTR {
      const Norm norm(part, mean + k, scale + k, shift + k);
      const Window<Side> w = window<Side>(part, norm, x + at + k, line, n);
      const V e = hn::Mul(hn::IfThenElseZero(hn::Gt(w.largest, set(0)), part.load(g + from + k)),
                          part.load(of_g + k));
      const V b = part.load(of_x + k), rest = part.load(constant + k);
      for (int i = 0; i < Side * Side; ++i) {
        const V here = hn::IfThenElseZero(hn::Eq(w.which, set(static_cast<float>(i))), e);
        put(part, hn::Add(hn::MulAdd(w.centred[i], b, rest), here),
            d + at + k + i / Side * line + i % Side * n);
      }
    });
  });
  // Pixels in no window: the last row and the last column of an odd image.
  const std::int64_t rows = s.oh() * Side, columns = s.ow() * Side;
  for (std::int64_t r = 0; r < s.h; ++r)
    for (std::int64_t q = r < rows ? columns : 0; q < s.w; ++q)
      for_vectors(n, [&](std::int64_t k, auto part) HWY_ATTR {
        const std::int64_t at = r * line + q * n + k;
        const V centred = hn::Sub(part.load(x + at), part.load(mean + k));
        put(part, hn::MulAdd(centred, part.load(of_x + k), part.load(constant + k)), d + at);
      });
}

// Of the window's pixels of u, the one where x is the largest.
template <int Side, class Part>
HWY_INLINE V at_largest(Part part, const Window<Side>& w, const float* u, std::int64_t line,
                        std::int64_t n) {
  V found = part.load(u);
  for (int i = 1; i < Side * Side; ++i)
    found = hn::IfThenElse(hn::Eq(w.which, set(static_cast<float>(i))),
                           part.load(u + i / Side * line + i % Side * n), found);
  return found;
}

template <int Side>
HWY_INLINE void cross_products(const NormPool& s, const float* g, const float* x, const float* u,
                               const float* mean, const float* scale, const float* shift,
                               float* cross) {
  const std::int64_t n = s.channels, line = s.w * n;
  for_columns(n, [&](std::int64_t j, auto part, auto count) HWY_ATTR {
    constexpr int c = count();
    const std::int64_t step = lanes();
    V sum[c];
    for (int v = 0; v < c; ++v) sum[v] = set(0);
    for_windows<Side>(s, [&](std::int64_t at, std::int64_t to) HWY_ATTR {
      for (int v = 0; v < c; ++v) {
        const std::int64_t k = j + v * step;
        const Norm norm(part, mean + k, scale + k, shift + k);
        const Window<Side> w = window<Side>(part, norm, x + at + k, line, n);
        const V e = hn::IfThenElseZero(hn::Gt(w.largest, set(0)), part.load(g + to + k));
        sum[v] = hn::MulAdd(e, at_largest<Side>(part, w, u + at + k, line, n), sum[v]);
      }
    });
    for (int v = 0; v < c; ++v) part.store(sum[v], cross + j + v * step);
  });
}

template <int Side>
HWY_INLINE void gather(const NormPool& s, const float* x, const float* u, const float* mean,
                       const float* scale, const float* shift, const float* of_u, const float* of_x,
                       const float* constant, float* y, bool add) {
  const std::int64_t n = s.channels, line = s.w * n;
  for_windows<Side>(s, [&](std::int64_t at, std::int64_t to) HWY_ATTR {
    for_vectors(n, [&](std::int64_t k, auto part) HWY_ATTR {
      const Norm norm(part, mean + k, scale + k, shift + k);
      const Window<Side> w = window<Side>(part, norm, x + at + k, line, n);
      const V there = at_largest<Side>(part, w, u + at + k, line, n);
      const V of_there = hn::MulAdd(there, part.load(of_u + k), part.load(constant + k));
      const V value = hn::IfThenElseZero(hn::Gt(w.largest, set(0)),
                                         hn::MulAdd(w.there, part.load(of_x + k), of_there));
      part.store(add ? hn::Add(part.load(y + to + k), value) : value, y + to + k);
    });
  });
}

void NormPoolValue(const NormPool& s, const float* x, const float* mean, const float* scale,
                   const float* shift, float* y) {
  s.side == 1 ? value<1>(s, x, mean, scale, shift, y) : value<2>(s, x, mean, scale, shift, y);
}

void NormPoolProducts(const NormPool& s, const float* g, const float* x, const float* mean,
                      const float* scale, const float* shift, float* sum, float* product) {
  s.side == 1 ? products<1>(s, g, x, mean, scale, shift, sum, product)
              : products<2>(s, g, x, mean, scale, shift, sum, product);
}

void NormPoolCombine(const NormPool& s, const float* g, const float* x, const float* mean,
                     const float* scale, const float* shift, const float* of_g, const float* of_x,
                     const float* constant, float* d, bool add) {
  const auto with = [&](auto side) HWY_ATTR {
    constexpr int n = side();
    add ? combine<n, true>(s, g, x, mean, scale, shift, of_g, of_x, constant, d)
        : combine<n, false>(s, g, x, mean, scale, shift, of_g, of_x, constant, d);
  };
  s.side == 1 ? with(std::integral_constant<int, 1>{}) : with(std::integral_constant<int, 2>{});
}

void NormPoolCross(const NormPool& s, const float* g, const float* x, const float* u,
                   const float* mean, const float* scale, const float* shift, float* cross) {
  s.side == 1 ? cross_products<1>(s, g, x, u, mean, scale, shift, cross)
              : cross_products<2>(s, g, x, u, mean, scale, shift, cross);
}

void NormPoolGather(const NormPool& s, const float* x, const float* u, const float* mean,
                    const float* scale, const float* shift, const float* of_u, const float* of_x,
                    const float* constant, float* y, bool add) {
  s.side == 1 ? gather<1>(s, x, u, mean, scale, shift, of_u, of_x, constant, y, add)
              : gather<2>(s, x, u, mean, scale, shift, of_u, of_x, constant, y, add);
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(NormPoolValue);
HWY_EXPORT(NormPoolProducts);
HWY_EXPORT(NormPoolCombine);
HWY_EXPORT(NormPoolCross);
HWY_EXPORT(NormPoolGather);

void norm_pool(const NormPool& s, const float* x, const float* mean, const float* scale,
               const float* shift, float* y) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(NormPoolValue)(s, x, mean, scale, shift, y);
  twin::norm_pool(s, x, mean, scale, shift, y);
}
void norm_pool_products(const NormPool& s, const float* g, const float* x, const float* mean,
                        const float* scale, const float* shift, float* sum, float* product) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(NormPoolProducts)(s, g, x, mean, scale, shift, sum, product);
  twin::norm_pool_products(s, g, x, mean, scale, shift, sum, product);
}
void norm_pool_combine(const NormPool& s, const float* g, const float* x, const float* mean,
                       const float* scale, const float* shift, const float* of_g, const float* of_x,
                       const float* constant, float* d, bool add) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(NormPoolCombine)(s, g, x, mean, scale, shift, of_g, of_x, constant,
                                                 d, add);
  twin::norm_pool_combine(s, g, x, mean, scale, shift, of_g, of_x, constant, d, add);
}

void norm_pool_cross(const NormPool& s, const float* g, const float* x, const float* u,
                     const float* mean, const float* scale, const float* shift, float* cross) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(NormPoolCross)(s, g, x, u, mean, scale, shift, cross);
  twin::norm_pool_cross(s, g, x, u, mean, scale, shift, cross);
}
void norm_pool_gather(const NormPool& s, const float* x, const float* u, const float* mean,
                      const float* scale, const float* shift, const float* of_u, const float* of_x,
                      const float* constant, float* y, bool add) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(NormPoolGather)(s, x, u, mean, scale, shift, of_u, of_x, constant,
                                                y, add);
  twin::norm_pool_gather(s, x, u, mean, scale, shift, of_u, of_x, constant, y, add);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
