// initialisers.hpp: how weights begin.
// An Initialiser makes a tensor of a shape from a key. Fans are PyTorch's: of a weight
// [out, in, ...] the fan in is in x the rest, the fan out is out x the rest. What is drawn depends
// on the key alone; the float32 tensor is the float64 one rounded.
#pragma once

#include <functional>
#include <numbers>

#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"

namespace metatape::nn {

using Initialiser = std::function<Tensor(const Shape& shape, Key key, DType dtype)>;

Initialiser constant(double value);
Initialiser zeros();
Initialiser ones();
Initialiser uniform(double low, double high);
Initialiser normal(double deviation = 1, double mean = 0);

/// Normal of mean 0 and this deviation, of which what lies beyond cut deviations is drawn anew.
/// `deviation` is that of the whole normal: cut at 2 it becomes 0.88 of it. DataError when cut <=
/// 0.
Initialiser truncated_normal(double deviation = 1, double cut = 2);

/// Uniform in ±gain √(6 / (fan in + fan out)), or normal of variance gain² 2 / (fan in + fan out).
/// ShapeError below two axes. Glorot and Bengio (2010).
Initialiser glorot_uniform(double gain = 1);
Initialiser glorot_normal(double gain = 1);

/// Uniform in ±gain √(3 / fan in), or normal of variance gain² / fan in; √2 is the gain of ReLU.
/// ShapeError below two axes. He et al. (2015).
Initialiser he_uniform(double gain = std::numbers::sqrt2);
Initialiser he_normal(double gain = std::numbers::sqrt2);

/// gain Q, the weight seen as [out, rest]: rows orthonormal where out <= rest, else columns.
/// Q of the QR factorisation of a normal matrix with a positive diagonal of R, so it is uniform
/// over such matrices. ShapeError below two axes. Saxe, McClelland and Ganguli (2014).
Initialiser orthogonal(double gain = 1);

/// PyTorch's default of Linear and Conv2d, for a weight of that fan in: uniform in ±1 / √fan.
Initialiser torch_default(std::int64_t fan_in);

/// in x rest of a weight [out, in, rest...]. ShapeError below two axes.
std::int64_t fan_in(const Shape& weight);

}  // namespace metatape::nn
