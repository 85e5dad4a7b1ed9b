// init.hpp: first weights.
#pragma once

#include <cstdint>

#include "metatape/autodiff/random.hpp"

namespace metatape::nn {

/// How many inputs feed an output and the other way: of a weight [out, in, ...] the product of the
/// axes behind the first, and the first times those behind the second.
struct Fans {
  std::int64_t in = 1;
  std::int64_t out = 1;
};
Fans fans(const Shape& weight);

/// Uniform in ± sqrt(6 / (fan_in + fan_out)). Glorot and Bengio (2010).
Tensor glorot_uniform(const Shape& weight, Key key, DType dtype = DType::f32);
/// Normal of deviation sqrt(2 / (fan_in + fan_out)).
Tensor glorot_normal(const Shape& weight, Key key, DType dtype = DType::f32);
/// Uniform in ± sqrt(6 / fan_in), for ReLU. He et al. (2015).
Tensor he_uniform(const Shape& weight, Key key, DType dtype = DType::f32);
/// Normal of deviation sqrt(2 / fan_in).
Tensor he_normal(const Shape& weight, Key key, DType dtype = DType::f32);
/// Uniform in ± 1 / sqrt(fan_in): PyTorch's default of linear and convolution layers.
Tensor fan_in_uniform(const Shape& weight, Key key, DType dtype = DType::f32);
/// Rows (or columns, where there are more rows) orthonormal, times `gain`: the QR factor of a
/// normal matrix, signs by R's diagonal. Axes behind the first count as one. Saxe et al. (2014).
Tensor orthogonal(const Shape& weight, Key key, double gain = 1, DType dtype = DType::f32);
/// Normal of this deviation, drawn again outside two deviations.
Tensor truncated_normal(const Shape& weight, Key key, double deviation, DType dtype = DType::f32);

}  // namespace metatape::nn
