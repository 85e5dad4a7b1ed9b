// spectrum.hpp: what a run does to small differences: the Jacobian of its state.
// ∂s_T/∂s_0 is a product of T matrices. Its singular values say how much an exact gradient grows or
// fades; its Lyapunov exponents, how fast: positive ones are chaos, where exact gradients say nothing
// of the landscape. No matrix is made: all by Jacobian-vector and vector-Jacobian products.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

struct SpectrumOptions {
  int count = 4;              ///< how many of the largest
  int iterations = 200;       ///< of subspace iteration, at most
  double tolerance = 1e-12;   ///< relative change of the singular values at which it stops
  Key key{};                  ///< of the first vectors
  std::function<bool()> stop{};
};

struct Spectrum {
  std::vector<double> singular_values{};  ///< of ∂s_T/∂s_0, descending
  std::vector<double> lyapunov{};         ///< (1/T) Σ_t log R_jj, descending
  std::vector<double> growth{};           ///< log of the largest R_11 product after each step, t = 1 .. T
  int iterations = 0;
  bool converged = false;
};

/// Of the run at φ. Lyapunov exponents by QR of `count` tangents every step (Benettin et al. 1980).
/// DataError for a count below 1 (more than the state has coordinates: as many as it has), and for
/// a run that diverges, with its step.
Spectrum spectrum_of(const Dynamics& run, const Params& phi, const SpectrumOptions& options = {},
                     Threads* threads = nullptr);

}  // namespace metatape::metalearn
