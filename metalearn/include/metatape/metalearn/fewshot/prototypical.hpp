// prototypical.hpp: prototypical networks. Snell, Swersky and Zemel (2017).
//   c_k = mean of the embedded support of class k,   p(k | x) = softmax_k(-scale |f(x) - c_k|²)
#pragma once

#include "metatape/metalearn/fewshot/metric.hpp"

namespace metatape::metalearn {

struct Prototypical {
  nn::ConvNet network = nn::conv5_map();
  StatisticsFrom statistics = StatisticsFrom::running;
  Pairing pairing = Pairing::all;
  double running_weight = 0.1;  ///< of a new episode's statistics in the running ones
  double scale = 1;             ///< of the squared distances; the paper has none

  [[nodiscard]] MetricSettings settings() const {
    return {.network = network,
            .statistics = statistics,
            .pairing = pairing,
            .running_weight = running_weight};
  }
  [[nodiscard]] std::string name() const { return "prototypical"; }
  [[nodiscard]] Params init(Key key) const { return settings().init(key); }
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
