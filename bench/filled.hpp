// filled.hpp: a tensor "from a stream, scale, offset", as README.md says it.
#pragma once

#include <cstdint>

#include <metatape/autodiff.hpp>

#include "inputs.hpp"

namespace bench {

/// offset + scale * uniform, computed in float32 and then widened if need be.
inline metatape::Tensor filled(std::uint32_t stream, const metatape::Shape& shape, float scale,
                               float offset, metatape::DType dtype) {
  metatape::Tensor t = metatape::Tensor::uninitialised(shape);
  std::uint32_t i = 0;
  for (float& v : t.mutable_values<float>()) v = offset + scale * uniform(stream, i++);
  return t.to(dtype);
}

}  // namespace bench
