// float_mode.hpp: the thread's register that says how floating-point arithmetic rounds and what it
// does with subnormal numbers.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace metatape {

#if defined(__x86_64__)

/// Flush results to zero, and take operands for zero.
constexpr std::uint64_t subnormals_are_zero = 0x8000 | 0x0040;

inline std::uint64_t float_mode() { return _mm_getcsr(); }
inline void set_float_mode(std::uint64_t mode) { _mm_setcsr(static_cast<unsigned>(mode)); }

#elif defined(__aarch64__)

constexpr std::uint64_t subnormals_are_zero = std::uint64_t{1} << 24;  // FZ: both

inline std::uint64_t float_mode() {
  std::uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
inline void set_float_mode(std::uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }

#else

constexpr std::uint64_t subnormals_are_zero = 0;

inline std::uint64_t float_mode() { return 0; }
inline void set_float_mode(std::uint64_t) {}

#endif

}  // namespace metatape
