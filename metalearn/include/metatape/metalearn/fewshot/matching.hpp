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

  [[nodiscard]] MetricSettings settings() const {
    return {network, statistics, pairing, running_weight};
  }
  [[nodiscard]] std::string name() const { return "matching"; }
  [[nodiscard]] Params init(Key key) const { return network.init(key); }
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
  [[nodiscard]] bool embeds_alone() const { return statistics == StatisticsFrom::running; }
  [[nodiscard]] Tensor embed(Tape& tape, const Params& phi, const Params& carry,
                             const Tensor& images) const {
    return metric_embed(settings(), tape, phi, carry, images);
  }
  [[nodiscard]] Var logits(Var support, const Indices& labels, int way, Var query) const;
};

}  // namespace metatape::metalearn
