// maml.hpp: model-agnostic meta-learning. Finn, Abbeel and Levine (2017).
//   θ' = θ - α ∇L_support(θ), `steps` times;   θ is trained by L_query(θ')
// through these steps (exact), or as if their gradients did not depend on θ (first order: FOMAML).
#pragma once

#include "metatape/metalearn/fewshot/adaptation.hpp"
#include "metatape/metalearn/fewshot/inner_loop.hpp"

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
  // as in InnerLoop
  bool learned_rates = false;
  double proximal = 0;
  int solver_steps = 5;

  [[nodiscard]] std::string name() const;
  /// DataError for what InnerLoop refuses.
  [[nodiscard]] Params init(Key key) const;
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] int fixed_way() const { return static_cast<int>(network.classes); }
};

}  // namespace metatape::metalearn
