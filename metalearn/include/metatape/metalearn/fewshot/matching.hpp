// matching.hpp: matching networks. Vinyals et al. (2016).
//   p(k | x) = Σ over the support of class k of softmax_i(scale cos(f(x), f(x_i)))
#pragma once

#include "metatape/metalearn/fewshot/metric.hpp"

namespace metatape::metalearn {

struct Matching {
  nn::ConvNet network = nn::conv5_map();
  StatisticsFrom statistics = StatisticsFrom::running;
  Pairing pairing = Pairing::all;
  double running_weight = 0.1;  ///< of a new episode's statistics in the running ones
  double scale = 10;  ///< of the cosines; the paper has none: softmax over [-1, 1] is nearly flat
  /// Full context embeddings (full_context.hpp): an image's embedding depends on the support set,
  /// and on its order. Needs Pairing::episode, and weights that grow with the square of the
  /// network's features: for embeddings of one pixel (conv4: 64).
  bool fce = false;
  int fce_steps = 3;  ///< of processing a query

  [[nodiscard]] MetricSettings settings() const;
  [[nodiscard]] std::string name() const { return "matching"; }
  [[nodiscard]] Params init(Key key) const { return settings().init(key); }
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] bool embeds_alone() const { return statistics == StatisticsFrom::running && !fce; }
  [[nodiscard]] Tensor embed(Tape& tape, const Params& phi, const Params& carry,
                             const Tensor& images) const {
    return metric_embed(settings(), tape, phi, carry, images);
  }
  /// Of embeddings as they are compared, in context where fce is set.
  [[nodiscard]] Var logits(Var support, const Indices& labels, int way, Var query) const;
};

}  // namespace metatape::metalearn
