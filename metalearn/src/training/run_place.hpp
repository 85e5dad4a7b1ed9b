// run_place.hpp: a run's key and counts as a tensor of a carry, which holds numbers alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "metatape/autodiff/random.hpp"

namespace metatape::metalearn::detail {

/// Counts that are exact in float32 are below this.
constexpr std::int64_t largest_count = std::int64_t{1} << 24;

/// Exact in float32: the key in pieces of 16 bits, counts below largest_count.
Tensor place_of(Key key, std::span<const std::int64_t> counts, DType dtype);

struct RunPlace {
  Key key{};
  std::vector<std::int64_t> counts{};
};
/// The other way; DataError unless there are `counts` of them.
RunPlace place_in(const Tensor& place, std::size_t counts);

}  // namespace metatape::metalearn::detail
