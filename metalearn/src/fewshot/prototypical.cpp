#include "metatape/metalearn/fewshot/prototypical.hpp"

#include "metatape/autodiff/ops/binary.hpp"

namespace metatape::metalearn {

Var Prototypical::logits(Var support, const Indices& labels, int way, Var query) const {
  return -scale * squared_distances(query, class_means(support, labels, way));
}

MetaStep Prototypical::objective(Tape& tape, const Params& phi, const Params& carry,
                                 const tasks::Episode& episode, Key key) const {
  const auto of = [this](auto... x) { return logits(x...); };
  return metric_objective(settings(), of, tape, phi, carry, episode, key);
}

Classifier Prototypical::adapt(Tape& tape, const Params& phi, const Params& carry,
                               const Tensor& support, const Indices& labels, int way) const {
  const auto of = [self = *this](auto... x) { return self.logits(x...); };
  return metric_adapt(settings(), of, tape, phi, carry, support, labels, way);
}

}  // namespace metatape::metalearn
