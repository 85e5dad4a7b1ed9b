// linalg.hpp: small dense linear algebra, in our own code. Differentiable twice.
#pragma once

#include "metatape/autodiff/var.hpp"

namespace metatape {

/// Lower L with L Lᵀ = a, a [n, n] symmetric positive definite (only its lower half is read; the
/// gradient is symmetric). DataError names the pivot that is not positive. Murray (2016).
Var cholesky(Var a);

enum class Triangle { lower, upper };

/// x with t x = b (or tᵀ x = b): t [n, n], b [n] or [n, k]. DataError names a zero on the diagonal.
Var triangular_solve(Var t, Var b, Triangle triangle = Triangle::lower, bool transposed = false);

/// log det of a symmetric positive definite matrix, by its Cholesky factor.
Var logdet(Var a);

}  // namespace metatape
