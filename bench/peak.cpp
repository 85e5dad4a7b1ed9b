#include "peak.hpp"

#include <string>

#include <metatape/autodiff.hpp>

// The instruction sets that metatape's own kernels are made for; it chooses among them for the
// whole process.
#define HWY_DISABLED_TARGETS ((HWY_AVX3 - 1) | HWY_SSE4 | HWY_SSSE3)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Twelve sums: two units of latency four have eight under way, and sixteen registers hold them.
template <class T>
HWY_INLINE double MultiplyAdd(std::int64_t rounds, T seed) {
  constexpr int chains = 12;
  const hn::ScalableTag<T> d;
  const auto x = hn::Set(d, static_cast<T>(0.9999)), y = hn::Set(d, static_cast<T>(1e-4));
  hn::Vec<hn::ScalableTag<T>> sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = hn::Set(d, seed + static_cast<T>(i));
  for (std::int64_t r = 0; r < rounds; ++r)
    for (int i = 0; i < chains; ++i) sum[i] = hn::MulAdd(sum[i], x, y);
  auto all = sum[0];
  for (int i = 1; i < chains; ++i) all = hn::Add(all, sum[i]);
  // What comes out is used, or there would be nothing to compute.
  const bool sound = hn::GetLane(all) == hn::GetLane(all);
  return sound ? 2.0 * chains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds) : 0;
}
double MultiplyAdd32(std::int64_t rounds, float seed) { return MultiplyAdd<float>(rounds, seed); }
double MultiplyAdd64(std::int64_t rounds, double seed) { return MultiplyAdd<double>(rounds, seed); }

void Triad(float* a, const float* b, const float* c, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto half = hn::Set(d, 0.5f);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(hn::LoadU(d, c + i), half, hn::LoadU(d, b + i)), d, a + i);
  for (; i < n; ++i) a[i] = b[i] + 0.5f * c[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(MultiplyAdd32);
HWY_EXPORT(MultiplyAdd64);
HWY_EXPORT(Triad);

namespace {

// Asking for the name makes metatape choose, which dispatch then follows.
bool plain() {
  static const bool is = metatape::simd_name() == "plain";
  return is;
}

}  // namespace

double multiply_add(std::int64_t rounds, float seed) {
  return plain() ? HWY_STATIC_DISPATCH(MultiplyAdd32)(rounds, seed)
                 : HWY_DYNAMIC_DISPATCH(MultiplyAdd32)(rounds, seed);
}
double multiply_add(std::int64_t rounds, double seed) {
  return plain() ? HWY_STATIC_DISPATCH(MultiplyAdd64)(rounds, seed)
                 : HWY_DYNAMIC_DISPATCH(MultiplyAdd64)(rounds, seed);
}
void triad(float* a, const float* b, const float* c, std::int64_t n) {
  plain() ? HWY_STATIC_DISPATCH(Triad)(a, b, c, n) : HWY_DYNAMIC_DISPATCH(Triad)(a, b, c, n);
}

}  // namespace bench
#endif  // HWY_ONCE
