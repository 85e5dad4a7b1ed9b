// lstm_learner.hpp: the LSTM meta-learner. Ravi and Larochelle (2017).
//   θ_0 = c_0;   θ_{t+1} = σ(f_t) θ_t - σ(i_t) ∇L_support(θ_t), `steps` times
// with the gates of an LSTM over losses and gradients (optimizers/meta_lstm.hpp). Start and gates
// are trained by L_query(θ_T), as if the support's losses and gradients did not depend on θ
// ("gradient independence"): first order.
#pragma once

#include "metatape/metalearn/fewshot/adaptation.hpp"
#include "metatape/metalearn/optimizers/meta_lstm.hpp"
#include "metatape/metalearn/unroll/scratches.hpp"

namespace metatape::metalearn {

/// φ: the start as "start.<name of the network>", the gates' weights as "rule.<name of MetaLstm>".
/// How many steps is part of what is learned: used with another number it is worse.
struct LstmLearner {
  nn::ConvNet network = nn::conv4({.filters = 32, .classes = 5});
  MetaLstm optimizer{};  ///< its first weights are drawn by init's key, not by its own
  int steps = 12;        ///< of training; 0: the start itself is the classifier
  int test_steps = 12;   ///< of `adapt`
  int batch = 0;  ///< support images a step, as many of each class as can be; 0, or more than there
                  ///< are: all
  StatisticsFrom statistics = StatisticsFrom::support;
  /// Tapes that calls share, copies of the learner too.
  std::shared_ptr<UnrollScratches> scratches = std::make_shared<UnrollScratches>();

  [[nodiscard]] std::string name() const { return "lstm"; }
  /// DataError for counts below 0 and settings that the optimizer refuses.
  [[nodiscard]] Params init(Key key) const;
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] int fixed_way() const { return static_cast<int>(network.classes); }

  /// What the gates were at each step of `adapt`, means over each of the network's tensors.
  [[nodiscard]] std::vector<std::vector<TensorGates>> gates(Tape& tape, const Params& phi,
                                                            const Tensor& support,
                                                            const Indices& labels, int way) const;
};

}  // namespace metatape::metalearn
