// reptile.hpp: Reptile. Nichol, Achiam and Schulman (2018).
//   W = φ after k steps of Adam on mini-batches of an episode's support set;   φ += ε mean(W - φ)
#pragma once

#include "metatape/metalearn/fewshot/adaptation.hpp"

namespace metatape::metalearn {

/// objective() answers φ - W as the gradient: with plain gradient descent of rate ε as the outer
/// optimizer a step of the trainer is Reptile's. Adam (beta1 = 0) keeps its second moments from
/// episode to episode, in the carry, one a slot of the batch (the published code: one for all).
struct Reptile {
  nn::ConvNet network = nn::conv4_stride({.classes = 5});
  int steps = 5, batch = 10;            ///< of training: k, and the images of a mini-batch; 0: all
  int test_steps = 50, test_batch = 5;  ///< of `adapt`
  double rate = 1e-3;                   ///< of Adam
  StatisticsFrom statistics = StatisticsFrom::support;

  [[nodiscard]] std::string name() const { return "reptile"; }
  /// DataError for counts below 0, or running statistics.
  [[nodiscard]] Params init(Key key) const;
  /// Loss and accuracy are those of the queries under W; they play no part in training.
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] int fixed_way() const { return static_cast<int>(network.classes); }
};

}  // namespace metatape::metalearn
