// adaptation.hpp: learners that adapt a classifier's weights to an episode: what MAML, Reptile,
// fine-tuning and the LSTM meta-learner share.
// The classifier is a ConvNet with a head; support images are normalised by their own statistics
// while it adapts. What differs is how it adapts, and how that is learned.
#pragma once

#include "metatape/metalearn/fewshot/learner.hpp"
#include "metatape/nn/conv_net.hpp"

namespace metatape::metalearn {

/// Which weights steps on the support set move; the others are learned from episode to episode
/// alone.
enum class Adapts {
  all,
  not_norm,  ///< not the scales and shifts of batch normalisation: Finn et al. (2017)
  head,      ///< the last layer alone: ANIL, Raghu et al. (2020)
};

/// Are weights of this name moved?
bool adapted(Adapts which, std::string_view name);

/// DataError unless the network has a head of `way` classes.
void require_head(const std::string& learner, const nn::ConvNet& network, int way);

/// A tape to take steps on: the given one, or one of its own where that does not record.
class StepTape {
 public:
  explicit StepTape(Tape& given);
  ~StepTape();
  [[nodiscard]] Tape& tape() const { return *tape_; }

 private:
  std::unique_ptr<Tape> own_;
  Tape* tape_;
};

/// Mean cross-entropy of labelled images, normalised by `statistics`; null: their own.
Var classification_loss(const nn::ConvNet& network, const Bound& p, Var images,
                        const Indices& labels, const nn::Statistics* statistics = nullptr);

/// The same of some of the images, a mini-batch, by their positions.
Var classification_loss(const nn::ConvNet& network, const Bound& p, Var images,
                        const Indices& labels, const Indices& some);

/// Of an episode's statistics in the running ones.
inline constexpr double running_weight = 0.1;

/// The queries of a training episode under adapted weights p.
struct QueryPass {
  Var loss;  ///< mean cross-entropy
  double accuracy = 0;
  Params carry{};  ///< running statistics after the episode; empty unless they are asked for
};
/// Normalised by the statistics of the support set under p (`support`), which are differentiated
/// too, or else by the queries' own, which `running` then averages in `carry`.
QueryPass query_pass(const nn::ConvNet& network, StatisticsFrom statistics, const Bound& p,
                     const tasks::Episode& episode, const Params& carry);

/// Of adapted weights. Queries are normalised together (`batch`), or by the support set's
/// statistics under these weights, or by the running ones of `carry`. The tape must outlive it.
Classifier adapted_classifier(const nn::ConvNet& network, StatisticsFrom statistics, Tape& tape,
                              Params weights, const Tensor& support, const Params& carry);

}  // namespace metatape::metalearn
