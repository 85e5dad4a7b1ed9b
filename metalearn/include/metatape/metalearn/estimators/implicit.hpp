// implicit.hpp: derivatives of an optimum, from the optimum alone: how it was reached is forgotten.
//
//   w*(φ) = argmin_w G(w, φ),   E(w*, φ):   dE/dφ = ∂E/∂φ - (∂²G/∂φ∂w)ᵀ (∂²G/∂w²)⁻¹ ∂E/∂w
#pragma once

#include <functional>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

enum class Solver {
  conjugate_gradient,  ///< exact after as many iterations as w has coordinates
  neumann,  ///< η Σ_{k<=K} (I - ηM)^k: needs η < 2 / largest eigenvalue. Lorraine (2020)
};

struct ImplicitOptions {
  Solver solver = Solver::conjugate_gradient;
  int iterations = 20;
  double rate = 0.1;     ///< η of the Neumann series
  double damping = 0;    ///< added to the Hessian's diagonal
  double tolerance = 0;  ///< conjugate gradients stop at this residual, relative to ∂E/∂w
};

struct ImplicitGradient {
  double loss = 0;                 ///< E(w, φ)
  Params gradient{};               ///< dE/dφ
  double inner_gradient_norm = 0;  ///< ‖∂G/∂w‖: how far w is from an optimum; 0 there
  double residual = 0;             ///< ‖M v - ∂E/∂w‖ / ‖∂E/∂w‖ of the solve
  int iterations = 0;
  /// Conjugate gradients met a direction of curvature <= 0 and stopped before it: w is no strict
  /// minimum, and more damping is needed.
  bool negative_curvature = false;
};

/// A loss of w and φ.
using BilevelLoss = std::function<Var(const Bound& w, const Bound& phi)>;

/// dE/dφ at w, taken for the optimum of G. DataError for fewer iterations than 0, a rate or damping
/// below 0.
ImplicitGradient implicit_gradient(const BilevelLoss& inner, const BilevelLoss& outer,
                                   const Params& w, const Params& phi,
                                   const ImplicitOptions& options = {});

/// The same as an estimator of a run that ends at a fixed point s = F(s, φ): with the last step's
/// J = ∂F/∂s, B = ∂F/∂φ, dL/dφ = ∂ℓ_T/∂φ + Bᵀ (I - Jᵀ)⁻¹ ∂ℓ_T/∂s of the last loss. Neumann's series
/// of K terms is reverse mode through the last K + 1 steps at the optimum. Conjugate gradients are
/// on the normal equations, as J need not be symmetric.
struct FixedPoint {
  Solver solver = Solver::conjugate_gradient;
  int iterations = 20;

  [[nodiscard]] std::string name() const;  ///< "cg:K", "neumann:K"
  [[nodiscard]] std::int64_t window(std::int64_t steps) const { return steps; }
  [[nodiscard]] bool draws() const { return false; }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

}  // namespace metatape::metalearn
