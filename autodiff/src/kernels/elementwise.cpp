// elementwise.cpp: arrays through the vector functions of math-inl.hpp, or through their twins.
#include "elementwise.hpp"

#include <algorithm>
#include <cmath>

#include "elementwise_twin.hpp"
#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cpp"
#include <hwy/foreach_target.h>

#include "kernels/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

template <class F>
concept Covering = requires(const F& f, V x) {
  f.covers(x);
};

// Lanes that the formula does not cover are done by the twin.
template <class F, class Twin>
HWY_NOINLINE void patch(const F& f, const Twin& twin, V x, float* y) {
  HWY_ALIGN float from[HWY_LANES(float)], covered[HWY_LANES(float)];
  hn::Store(x, D(), from);
  hn::Store(hn::IfThenElse(f.covers(x), set(1), set(0)), D(), covered);
  for (std::size_t i = 0; i < hn::Lanes(D()); ++i)
    if (covered[i] == 0) y[i] = twin(from[i]);
}

template <class F, class Twin>
HWY_INLINE void map_with(const F& f, const Twin& twin, const float* x, float* y, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V v = part.or_else(part.load(x + i), set(1));  // 1 is covered by all
    V value = f.value(v);
    if constexpr (Covering<F>) {
      if (HWY_UNLIKELY(!hn::AllTrue(D(), f.covers(v)))) {
        HWY_ALIGN float patched[HWY_LANES(float)];
        hn::Store(value, D(), patched);
        patch(f, twin, v, patched);
        value = hn::Load(D(), patched);
      }
    }
    part.store(value, y + i);
  });
}

template <class F>
HWY_INLINE void map_one(Function function, const float* x, float* y, std::int64_t n) {
  map_with(
      F{}, [function](float v) { return twin::value(function, v); }, x, y, n);
}

void Map(Function f, const float* x, float* y, std::int64_t n) {
  switch (f) {
    case Function::exp:
      return map_one<Exp>(f, x, y, n);
    case Function::expm1:
      return map_one<Expm1>(f, x, y, n);
    case Function::log:
      return map_one<Log>(f, x, y, n);
    case Function::log1p:
      return map_one<Log1p>(f, x, y, n);
    case Function::sin:
      return map_one<Sin>(f, x, y, n);
    case Function::cos:
      return map_one<Cos>(f, x, y, n);
    case Function::tanh:
      return map_one<Tanh>(f, x, y, n);
    case Function::sigmoid:
      return map_one<Sigmoid>(f, x, y, n);
    case Function::softplus:
      return map_one<Softplus>(f, x, y, n);
    case Function::erf:
      return map_one<Erf>(f, x, y, n);
    case Function::normal_cdf:
      return map_one<NormalCdf>(f, x, y, n);
    case Function::gelu:
      return map_one<Gelu>(f, x, y, n);
    case Function::gelu_slope:
      return map_one<GeluSlope>(f, x, y, n);
  }
}

void Power(const float* x, float exponent, float* y, std::int64_t n) {
  map_with(
      Pow{exponent}, [exponent](float v) { return std::pow(v, exponent); }, x, y, n);
}

// Four sums a block, so that additions overlap.
float BlockDot(const float* x, const float* y, std::int64_t n) {
  V sums[4] = {set(0), set(0), set(0), set(0)};
  int next = 0;
  for_vectors(n, [&](std::int64_t i, auto part) HWY_ATTR {
    sums[next] = hn::MulAdd(part.load(x + i), part.load(y + i), sums[next]);
    next = (next + 1) % 4;
  });
  return hn::GetLane(
      hn::SumOfLanes(D(), hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

float BlockSum(const float* x, std::int64_t n) {
  V sums[4] = {set(0), set(0), set(0), set(0)};
  int next = 0;
  for_vectors(n, [&](std::int64_t i, auto part) HWY_ATTR {
    sums[next] = hn::Add(part.load(x + i), sums[next]);
    next = (next + 1) % 4;
  });
  return hn::GetLane(
      hn::SumOfLanes(D(), hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(Map);
HWY_EXPORT(Power);
HWY_EXPORT(BlockSum);
HWY_EXPORT(BlockDot);

void map(Function f, const float* x, float* y, std::int64_t n) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(Map)(f, x, y, n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = twin::value(f, x[i]);
}
void map(Function f, const double* x, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = twin::value(f, x[i]);
}

void pow(const float* x, float exponent, float* y, std::int64_t n) {
  if (simd() != Simd::plain) return HWY_DYNAMIC_DISPATCH(Power)(x, exponent, y, n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::pow(x[i], exponent);
}
void pow(const double* x, double exponent, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::pow(x[i], exponent);
}

namespace {

// Short enough for float32 to lose little inside, long enough that the outer sum costs nothing.
constexpr std::int64_t block = 1024;

template <class F>
double by_blocks(std::int64_t n, const F& f) {
  double total = 0;
  for (std::int64_t i = 0; i < n; i += block)
    total += static_cast<double>(f(i, std::min(block, n - i)));
  return total;
}

template <class T>
T plain_dot(const T* x, const T* y, std::int64_t n) {
  T s{0};
  for (std::int64_t i = 0; i < n; ++i) s += x[i] * y[i];
  return s;
}
template <class T>
T plain_sum(const T* x, std::int64_t n) {
  T s{0};
  for (std::int64_t i = 0; i < n; ++i) s += x[i];
  return s;
}

}  // namespace

double sum(const float* x, std::int64_t n) {
  const bool fast = simd() != Simd::plain;
  return by_blocks(n, [&](std::int64_t i, std::int64_t m) {
    return fast ? HWY_DYNAMIC_DISPATCH(BlockSum)(x + i, m) : plain_sum(x + i, m);
  });
}
double sum(const double* x, std::int64_t n) {
  return by_blocks(n, [&](std::int64_t i, std::int64_t m) { return plain_sum(x + i, m); });
}
double dot(const float* x, const float* y, std::int64_t n) {
  const bool fast = simd() != Simd::plain;
  return by_blocks(n, [&](std::int64_t i, std::int64_t m) {
    return fast ? HWY_DYNAMIC_DISPATCH(BlockDot)(x + i, y + i, m) : plain_dot(x + i, y + i, m);
  });
}
double dot(const double* x, const double* y, std::int64_t n) {
  return by_blocks(n, [&](std::int64_t i, std::int64_t m) { return plain_dot(x + i, y + i, m); });
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
