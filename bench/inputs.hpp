// inputs.hpp: numbers that depend on a stream and a position alone, the same in every program that
// does a workload; see README.md.
#pragma once

#include <cstdint>

namespace bench {

inline std::uint32_t mixed(std::uint32_t stream, std::uint32_t i) {
  std::uint32_t h = i * 2654435769u + stream * 2246822507u;
  h ^= h >> 16;
  h *= 2146121005u;
  h ^= h >> 15;
  h *= 2221713035u;
  h ^= h >> 16;
  return h;
}

/// In [-1, 1), exact in float32.
inline float uniform(std::uint32_t stream, std::uint32_t i) {
  return static_cast<float>(mixed(stream, i) >> 8) * 0x1p-23f - 1.0f;
}

}  // namespace bench
