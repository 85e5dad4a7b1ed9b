// vectors-inl.hpp: loops over whole vectors and a masked rest, for the files that Highway compiles
// once for each instruction set. The rest goes through the same arithmetic as whole vectors, so an
// element's value depends neither on its position nor on the length of its array.
#if defined(METATAPE_KERNELS_VECTORS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef METATAPE_KERNELS_VECTORS_INL
#undef METATAPE_KERNELS_VECTORS_INL
#else
#define METATAPE_KERNELS_VECTORS_INL
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;

HWY_INLINE std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }
HWY_INLINE V set(float x) { return hn::Set(D(), x); }

/// All lanes of a vector.
struct Whole {
  HWY_INLINE V load(const float* p) const { return hn::LoadU(D(), p); }
  HWY_INLINE void store(V v, float* p) const { hn::StoreU(v, D(), p); }
  HWY_INLINE V or_else(V v, V) const { return v; }
};

/// The first lanes of a vector; the others are loaded as 0 and not stored.
struct Rest {
  M mask;
  HWY_INLINE V load(const float* p) const { return hn::MaskedLoad(mask, D(), p); }
  HWY_INLINE void store(V v, float* p) const { hn::BlendedStore(v, mask, D(), p); }
  HWY_INLINE V or_else(V v, V other) const { return hn::IfThenElse(mask, v, other); }
};

/// f(i, part) for each vector of n elements: part.load(x + i), part.store(value, y + i).
template <class F>
HWY_INLINE void for_vectors(std::int64_t n, const F& f) {
  const std::int64_t step = lanes();
  std::int64_t i = 0;
  for (; i + step <= n; i += step) f(i, Whole{});
  if (i < n) f(i, Rest{hn::FirstN(D(), static_cast<std::size_t>(n - i))});
}

// f(j, part, count): `count` vectors of columns from j on; count is 4 wherever four are left.
template <class F>
HWY_INLINE void for_columns(std::int64_t n, const F& f) {
  const std::int64_t step = lanes();
  std::int64_t j = 0;
  for (; j + 4 * step <= n; j += 4 * step) f(j, Whole{}, std::integral_constant<int, 4>{});
  for_vectors(n - j, [&](std::int64_t i, auto part)
                         HWY_ATTR { f(j + i, part, std::integral_constant<int, 1>{}); });
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();
#endif
