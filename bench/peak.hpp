// peak.hpp: two loops that do nothing but multiply and add, or move memory, as fast as the
// instruction set in use lets them: what roofs are measured with.
#pragma once

#include <cstdint>

namespace bench {

/// Multiply-adds of numbers in registers, `rounds` times; how many operations that was (a
/// multiply-add is two). The instruction set is metatape's: METATAPE_SIMD is heeded, and plain is
/// what the compiler makes for the baseline processor.
double multiply_add(std::int64_t rounds, float seed);
double multiply_add(std::int64_t rounds, double seed);

/// a = b + 0.5 c.
void triad(float* a, const float* b, const float* c, std::int64_t n);

}  // namespace bench
