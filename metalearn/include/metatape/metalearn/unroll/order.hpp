// order.hpp: with second derivatives of what is minimised, or without.
#pragma once

namespace metatape::metalearn {

enum class Order {
  /// The gradients that steps are made of are constants: what θ_t does to ∇_t, the Hessian, is
  /// dropped, as in the papers of the LSTM optimizer, first-order MAML and the LSTM meta-learner.
  first,
  exact,  ///< the derivative of the run: one Hessian-vector product a step more
};

}  // namespace metatape::metalearn
