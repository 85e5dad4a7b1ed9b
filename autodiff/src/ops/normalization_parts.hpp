// normalization_parts.hpp: what plain and fused batch normalisation share.
#pragma once

#include <cmath>
#include <cstdint>

#include "metatape/autodiff/rule.hpp"
#include "metatape/autodiff/var.hpp"
#include "norm_loops.hpp"

namespace metatape::ops {

// x seen as [rows, channels].
inline RowBlocks columns(const Shape& x) { return {x.product(0, x.rank() - 1), x[-1]}; }
inline Shape matrix(const Shape& x) { return {x.product(0, x.rank() - 1), x[-1]}; }

template <Scalar T>
T rsqrt_of(T variance, double epsilon) {
  return T{1} / std::sqrt(variance + static_cast<T>(epsilon));
}

// From sum = Σ g and product = Σ g (x - mean): dgamma and dbeta,
template <Scalar T>
void add_to_scale_and_shift(const Pullback& c, std::int64_t n, const T* r, const T* sum,
                            const T* product) {
  if (c.wants(1)) {
    T* d = c.adjoint<T>(1);
    for (std::int64_t j = 0; j < n; ++j) d[j] += product[j] * r[j];
  }
  if (c.wants(2)) {
    T* d = c.adjoint<T>(2);
    for (std::int64_t j = 0; j < n; ++j) d[j] += sum[j];
  }
}
// and what dx takes of a column's constant (in sum) and of x - mean (in product), with its scale
// gamma r.
template <Scalar T>
void of_centred(const RowBlocks& s, const T* scale, const T* r, T* sum, T* product) {
  const T share = T{1} / static_cast<T>(s.rows);
  for (std::int64_t j = 0; j < s.channels; ++j) {
    sum[j] *= -scale[j] * share;
    product[j] *= -scale[j] * r[j] * r[j] * share;
  }
}

struct NormGradients {
  Var x, gamma, beta;
};
/// Of batch normalisation at the cotangent g of its value, as formulas.
NormGradients batch_norm_gradients(Var images, Var gamma, Var cotangent, double epsilon);

/// ShapeError unless x has channels, at least one element in each, and gamma and beta one a
/// channel.
void require_normalised(const char* op, const Shape& x, const Shape& gamma, const Shape& beta);

}  // namespace metatape::ops
