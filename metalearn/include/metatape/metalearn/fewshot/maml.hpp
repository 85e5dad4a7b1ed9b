// maml.hpp: model-agnostic meta-learning. Finn, Abbeel and Levine (2017).
//   θ' = θ - α ∇L_support(θ), `steps` times;   θ is trained by L_query(θ')
// through these steps (exact), or as if their gradients did not depend on θ (first order: FOMAML).
#pragma once

#include "metatape/metalearn/fewshot/adaptation.hpp"
#include "metatape/metalearn/unroll/order.hpp"

namespace metatape::metalearn {

/// φ is the network's weights; with `learned_rates` also "rates" [steps, tensors of the network].
struct Maml {
  nn::ConvNet network = nn::conv4_stride({.classes = 5});
  Order order = Order::exact;
  int steps = 1;       ///< of training, at least 0
  int test_steps = 3;  ///< of `adapt`
  double rate = 0.4;   ///< α, of the mean loss
  Adapts adapts = Adapts::all;
  StatisticsFrom statistics = StatisticsFrom::support;
  /// α of each step and tensor is trained as well; steps beyond the last take the last one's.
  /// Antoniou, Edwards and Storkey (2019).
  bool learned_rates = false;
  /// λ > 0: implicit MAML. The steps minimise L_support(θ') + λ/2 |θ' - θ|², and the gradient is
  /// that of its minimum, whatever way led there: (I + H/λ)⁻¹ ∇L_query(θ'), H = ∇²L_support(θ'), by
  /// conjugate gradients. The order plays no part. Rajeswaran et al. (2019).
  double proximal = 0;
  int solver_steps = 5;  ///< of the conjugate gradients

  [[nodiscard]] std::string name() const;
  /// DataError for counts below 0, or settings that do not go together.
  [[nodiscard]] Params init(Key key) const;
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] int fixed_way() const { return static_cast<int>(network.classes); }
};

}  // namespace metatape::metalearn
