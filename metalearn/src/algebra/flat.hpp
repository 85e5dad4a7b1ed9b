// flat.hpp: arithmetic on tensors of one axis, off the tape: states, adjoints, directions.
#pragma once

#include "metatape/autodiff/tensor.hpp"

namespace metatape::metalearn::detail {

/// to += a x, elementwise.
void add_scaled(Tensor& to, double a, const Tensor& x);

/// x + a y
Tensor plus(const Tensor& x, double a, const Tensor& y);

/// Σ x y, in float64, in order.
double dot(const Tensor& x, const Tensor& y);

/// True where all elements are finite.
bool finite(const Tensor& x);

}  // namespace metatape::metalearn::detail
