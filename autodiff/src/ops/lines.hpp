// lines.hpp: an array seen as [outer, extent, inner] around one axis.
#pragma once

#include <cstdint>

#include "metatape/autodiff/shape.hpp"

namespace metatape::ops {

struct Lines {
  std::int64_t outer = 1, extent = 1, inner = 1;
};

/// `axis` must be resolved.
inline Lines lines(const Shape& shape, int axis) {
  return {shape.product(0, axis), shape.begin()[axis], shape.product(axis + 1, shape.rank())};
}

}  // namespace metatape::ops
