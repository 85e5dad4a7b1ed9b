// small_algebra.hpp: dense linear algebra on a handful of vectors, in float64: what is needed
// between products with large matrices, or with Jacobians that nobody writes down.
#pragma once

#include <vector>

namespace metatape::metalearn::detail {

using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;  ///< of equal length; rows or columns, as said

double dot(const Vector& a, const Vector& b);

/// Columns V = Q R: V becomes Q, with orthonormal columns (modified Gram-Schmidt, twice over); R's
/// rows are returned, upper triangular, its diagonal >= 0. A column that depends on those before it
/// to rounding has 0 there, and some unit vector takes its place. No more columns than rows.
Vectors orthonormalise(Vectors& columns);

/// A matrix of a few rows, each with a scale of its own: row i is e^logs[i] rows[i]. Products of
/// thousands of factors stay in range so, and small rows keep all their digits beside large ones.
struct ScaledRows {
  Vectors rows{};  ///< largest entry 1 in size, or the row is 0 and its log -infinity
  Vector logs{};

  static ScaledRows identity(std::size_t n);
  /// This becomes R this, R upper triangular.
  void multiply_by(const Vectors& r);
};

/// Singular values and right singular vectors of a square matrix.
struct Singular {
  Vector logs{};      ///< of the values, descending
  Vectors vectors{};  ///< the right ones, in the values' order
};

/// By one-sided Jacobi rotations of the rows. Values of any ratio to each other are had to relative
/// precision as far as the matrix is a diagonal one times a well-conditioned one (Demmel and
/// Veselić 1992), which triangular factors of a converged subspace iteration are.
Singular singular(ScaledRows matrix);

struct Eigen {
  Vector values{};    ///< descending
  Vectors vectors{};  ///< of unit length, in the values' order
};

/// Of a symmetric matrix, by Jacobi's rotations.
Eigen symmetric_eigen(Vectors matrix);

/// Σ_c weights[j][c] columns[c], for each j.
Vectors combined(const Vectors& columns, const Vectors& weights);

}  // namespace metatape::metalearn::detail
