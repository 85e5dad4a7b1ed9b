// matmul.hpp: products of matrices, in every transposition without a copy. Differentiable twice.
#pragma once

#include "metatape/autodiff/var.hpp"

namespace metatape {

enum class Transpose { no, yes };

/// a b over the last two axes; leading axes broadcast (a batch of products).
///   a [..., m, k], b [..., k, n] -> [..., m, n]; a vector on either side is a row or a column:
///   [m, k] x [k] -> [m], [k] x [k, n] -> [n], [k] x [k] -> [].
/// Transpose::yes takes a as [..., k, m] or b as [..., n, k].
/// Throws ShapeError: `matmul: [128, 20] x [10, 784]: inner dimensions 20 and 10 differ`.
Var matmul(Var a, Var b, Transpose transpose_a = Transpose::no,
           Transpose transpose_b = Transpose::no);
Var matmul(Var a, const Tensor& b);
Var matmul(const Tensor& a, Var b);
Var dot(Var a, Var b);    ///< Σ a b of two vectors of equal length
Var outer(Var a, Var b);  ///< [m], [n] -> [m, n]

enum class Activation { none, relu, tanh, sigmoid };

/// activation(x Wᵀ + bias): x [..., in], weight [out, in], bias [out] (or an invalid Var: none).
Var linear(Var x, Var weight, Var bias = {}, Activation activation = Activation::none);

}  // namespace metatape
