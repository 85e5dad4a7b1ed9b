// What tests of kernels share: every instruction set in turn, inputs, comparison of bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/simd.hpp"
#include "support/catch.hpp"

/// Calls f once for each instruction set of this machine, and restores the one that was in use.
template <class F>
void for_each_simd(const F& f) {
  using namespace metatape::kernel;
  struct Restore {
    Simd before = simd();
    ~Restore() { force_simd(before); }
  } const restore;
  for (const Simd s : available_simd()) {
    force_simd(s);
    INFO("simd " << name(s));
    f();
  }
}

/// n numbers in [-1, 1) that depend on seed and position.
template <class T = float>
std::vector<T> noise(std::uint32_t seed, std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  std::uint32_t h = seed * 2654435769u + 12345u;
  for (T& v : x) {
    h ^= h << 13, h ^= h >> 17, h ^= h << 5;
    v = static_cast<T>(static_cast<float>(h >> 8) * 0x1p-23f - 1.0f);
  }
  return x;
}

inline bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float p, float q) { return same_bits(p, q); });
}

/// The largest |a - b| over 1 + |b|.
template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double p = static_cast<double>(a[i]), q = static_cast<double>(b[i]);
    const double d = std::abs(p - q) / (1 + std::abs(q));
    if (!(d <= worst)) worst = std::isnan(d) ? INFINITY : d;
  }
  return worst;
}
