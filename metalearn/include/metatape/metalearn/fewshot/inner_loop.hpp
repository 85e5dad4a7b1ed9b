// inner_loop.hpp: gradient steps on one loss, and the gradient of another through them: MAML for
// any model. Finn, Abbeel and Levine (2017).
//   θ' = θ - α ∇L_support(θ), K times;   dL_query(θ')/dθ
#pragma once

#include <functional>
#include <string_view>

#include "metatape/autodiff/bound.hpp"
#include "metatape/metalearn/unroll/order.hpp"

namespace metatape::metalearn {

/// Of parameters on a tape: one element. Called once a step.
using LossOf = std::function<Var(const Bound& p)>;

struct InnerLoop {
  int steps = 1;      ///< K, at least 0
  double rate = 0.1;  ///< α
  Order order = Order::exact;
  /// Which tensors steps move, by name; empty: all.
  std::function<bool(std::string_view name)> moves{};
  /// α of each step and tensor stands in θ, as its tensor "rates" [steps, tensors of θ but this
  /// one], and is differentiated too; steps beyond the last row take the last. Li et al. (2017),
  /// Antoniou, Edwards and Storkey (2019).
  bool learned_rates = false;
  /// λ > 0: implicit MAML. The steps minimise L_support(θ') + λ/2 |θ' - θ|², and the gradient is
  /// that of its minimum, whatever way led there: (I + H/λ)⁻¹ ∇L_query(θ'), H = ∇²L_support(θ'), by
  /// conjugate gradients. The order plays no part. Rajeswaran et al. (2019).
  double proximal = 0;
  int solver_steps = 5;  ///< of the conjugate gradients
};

/// DataError for counts or a proximal weight below 0, and for learned rates in implicit MAML, where
/// they have no gradient: what every function here refuses.
void require_sound(const InnerLoop& loop);

/// θ with a tensor "rates" of the loop's rate.
Params with_rates(const InnerLoop& loop, const Params& theta);

/// θ after so many steps, which need not be the loop's. The tape records, and is empty again
/// afterwards.
Params descend(const InnerLoop& loop, Tape& tape, const Params& theta, const LossOf& support,
               int steps);

struct LossAndGradient {
  double loss = 0;
  Params gradient{};  ///< dL_query(θ')/dθ, θ's layout
};
/// `query` is called once, at θ'.
LossAndGradient through_steps(const InnerLoop& loop, Tape& tape, const Params& theta,
                              const LossOf& support, const LossOf& query);

}  // namespace metatape::metalearn
