#include "metatape/metalearn/fewshot/finetune.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/fewshot/metric.hpp"
#include "metatape/nn/linear.hpp"
#include "metatape/nn/losses.hpp"

namespace metatape::metalearn {

namespace {

nn::Linear classes_of(const Finetune& f) {
  return {.in = f.network.features(), .out = std::int64_t{f.classes} * (f.turns ? 4 : 1)};
}

// The place of each image of the episode among the classes of training.
Indices places(const Finetune& f, const tasks::EpisodePlan& plan) {
  std::vector<std::int32_t> of_class, all;
  for (std::size_t i = 0; i < plan.classes.size(); ++i) {
    if (plan.classes[i] >= f.classes)
      throw DataError(fmt::format("finetune: class {} of the images: it was made for {} classes",
                                  plan.classes[i], f.classes));
    const int turn = i < plan.turns.size() ? plan.turns[i] : 0;
    of_class.push_back(f.turns ? 4 * plan.classes[i] + turn : plan.classes[i]);
  }
  for (const std::vector<int>* part : {&plan.support, &plan.query})
    for (const std::int32_t c : of_class)
      all.insert(all.end(), part->size() / plan.classes.size(), c);
  return Indices(std::move(all));
}

// The encoder and a new head, "head.weight" and "head.bias", that asks for the nearest class mean.
Params with_head(const Finetune& f, Tape& tape, const Params& encoder, const Tensor& support,
                 const Indices& labels, int way, const nn::Statistics* statistics) {
  const Tape::Scope scope(tape);
  const Var features =
      f.network(bind_constant(tape, encoder), tape.constant(support), {.statistics = statistics});
  const Var means = class_means(features, labels, way);
  return Params::join(
      {encoder, Params({{"head.weight", ((2 * f.scale) * means).value()},
                        {"head.bias", (-f.scale * sum(square(means), {1})).value()}})});
}

}  // namespace

Params Finetune::init(Key key) const {
  if (classes < 2 || network.classes != 0 || steps < 0)
    throw DataError(fmt::format(
        "finetune: {} classes, a head of {}, {} steps: two classes or more, a network without a "
        "head and no count below 0 are expected",
        classes, network.classes, steps));
  return Params::join(
      {network.init(key), classes_of(*this).init(key.split("classes")).prefixed("classes")});
}

MetaStep Finetune::objective(Tape& tape, const Params& phi, const Params& carry,
                             const tasks::Episode& episode, Key key) const {
  const Bound p = bind(tape, phi);
  const nn::Applied features =
      nn::apply(network, p, tape.constant(episode.images), {.training = true, .key = key});
  const Var logits = classes_of(*this)(p.inside("classes"), features.value);
  const Indices labels = places(*this, episode.plan);
  const Var loss = softmax_cross_entropy(logits, labels);
  return {.loss = loss.item(),
          .gradient = grad(loss, p),
          .carry = nn::update_running(carry, features.statistics.value(), running_weight),
          .measures = {{"accuracy", nn::accuracy(logits, labels)}}};
}

Classifier Finetune::adapt(Tape& tape, const Params& phi, const Params& carry,
                           const Tensor& support, const Indices& labels, int way) const {
  const StepTape own(tape);
  const Tape::Scope outer(own.tape());
  const nn::Statistics running = nn::bind_statistics(own.tape(), carry);
  const nn::Statistics* used = statistics == StatisticsFrom::running ? &running : nullptr;
  std::vector<std::pair<std::string, Tensor>> encoder;
  for (const ParamEntry& e : phi.entries())
    if (!e.name.starts_with("classes.")) encoder.emplace_back(e.name, phi[e.name]);
  Params weights = with_head(*this, own.tape(), Params(encoder), support, labels, way, used);

  nn::ConvNet whole = network;
  whole.classes = way;
  for (int step = 0; step < steps; ++step) {
    const Tape::Scope scope(own.tape());
    const Bound p = bind(own.tape(), weights);
    Params g = grad(classification_loss(whole, p, own.tape().constant(support), labels, used), p);
    for (const ParamEntry& e : g.entries())
      if (!adapted(adapts, e.name)) g.set(e.name, Tensor::zeros(e.shape, g.dtype()));
    weights.add_scaled(-rate, g);
  }
  return adapted_classifier(whole, statistics, tape, std::move(weights), support, carry);
}

}  // namespace metatape::metalearn
