// spectrum.hpp: what a run does to small differences: the Jacobian of its state.
// ∂s_T/∂s_0 is a product of T matrices. Its singular values say how much an exact gradient grows or
// fades; its Lyapunov exponents, how fast: positive ones are chaos, where exact gradients say
// nothing of the landscape. No matrix is made: all by Jacobian-vector and vector-Jacobian products.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

struct SpectrumOptions {
  int count = 4;             ///< how many of the largest
  int iterations = 200;      ///< of subspace iteration, at most; each goes through the run and back
  double tolerance = 1e-12;  ///< relative change of the singular values at which it stops; never
                             ///< finer than T times the rounding of the state's type
  Key key{};                 ///< of the first vectors
  std::function<bool()> stop{};  ///< asked between iterations; what is found so far is reported
};

struct Spectrum {
  /// Of ∂s_T/∂s_0, descending; and their natural logarithms, which are right also where the values
  /// themselves leave the range of numbers (0, infinity). Zero: -infinity.
  std::vector<double> singular_values{}, log_singular_values{};
  std::vector<double> lyapunov{};  ///< (1/T) Σ_t log R_jj, descending
  /// log ‖∂s_t/∂s_0 v‖ for t = 1 .. T, v the direction that grows most over the whole run: the last
  /// is log_singular_values[0].
  std::vector<double> growth{};
  int iterations = 0;
  bool converged = false;
};

/// Of the run at φ.
///
/// Singular values: orthogonal iteration with the product and its transpose in turn, on `count`
/// vectors and some more, orthonormalised after every single step: the product of the triangular
/// factors that are left over has the singular values. So a small one is as precise beside a large
/// one as single steps allow, about T ε (largest / smallest stretch of one step) relative, whatever
/// the ratio of the two; AᵀA, whose condition is squared, is never formed. Values that lie close to
/// those left out converge slowly (`converged` says).
///
/// Lyapunov exponents: `count` tangents, orthonormalised every step (Benettin et al. 1980), from
/// the directions in which the run ends (the left singular vectors), so that no transient is left
/// in them: a linear system with eigenvalues λ_j gives log |λ_j|. Directions that turn into one
/// another (complex eigenvalues of the run's Jacobian on the tangents) share their growth: how a
/// triangular factor splits it is an accident of the angle at which the run ends.
///
/// Cost: an iteration is 2 T steps recorded, with some sweeps for each vector; T states are kept.
/// Time goes to single steps, so `threads` speed up the ops in them alone.
/// DataError for a count below 1 (more than the state has coordinates: as many as it has), fewer
/// iterations than 1, and for a run that diverges, with its step. Singular values: Stewart (1997),
/// "On graded QR decompositions of products of matrices".
Spectrum spectrum_of(const Dynamics& run, const Params& phi, const SpectrumOptions& options = {},
                     Threads* threads = nullptr);

}  // namespace metatape::metalearn
