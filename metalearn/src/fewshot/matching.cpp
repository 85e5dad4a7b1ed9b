#include "metatape/metalearn/fewshot/matching.hpp"

#include "metatape/autodiff/ops/binary.hpp"

namespace metatape::metalearn {

MetricSettings Matching::settings() const {
  MetricSettings s{.network = network,
                   .statistics = statistics,
                   .pairing = pairing,
                   .running_weight = running_weight};
  if (fce) s.context = FullContext{.features = network.features(), .steps = fce_steps};
  return s;
}

Var Matching::logits(Var support, const Indices& labels, int way, Var query) const {
  return class_logsumexp(scale * cosine_similarities(query, support), labels, way);
}

MetaStep Matching::objective(Tape& tape, const Params& phi, const Params& carry,
                             const tasks::Episode& episode, Key key) const {
  const auto of = [this](auto... x) { return logits(x...); };
  return metric_objective(settings(), of, tape, phi, carry, episode, key);
}

Classifier Matching::adapt(Tape& tape, const Params& phi, const Params& carry,
                           const Tensor& support, const Indices& labels, int way) const {
  const auto of = [self = *this](auto... x) { return self.logits(x...); };
  return metric_adapt(settings(), of, tape, phi, carry, support, labels, way);
}

}  // namespace metatape::metalearn
