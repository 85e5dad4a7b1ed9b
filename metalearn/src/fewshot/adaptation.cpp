#include "metatape/metalearn/fewshot/adaptation.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/losses.hpp"

namespace metatape::metalearn {

bool adapted(Adapts which, std::string_view name) {
  if (which == Adapts::head) return name.starts_with("head.");
  return which == Adapts::all || name.find(".norm.") == std::string_view::npos;
}

void require_head(const std::string& learner, const nn::ConvNet& network, int way) {
  if (network.classes != way)
    throw DataError(fmt::format("{}: its network tells {} classes apart, {} were asked for",
                                learner, network.classes, way));
}

StepTape::StepTape(Tape& given)
    : own_(given.recording() == Recording::on
               ? nullptr
               : std::make_unique<Tape>(TapeOptions{.threads = given.threads()})),
      tape_(own_ ? own_.get() : &given) {}
StepTape::~StepTape() = default;

Var classification_loss(const nn::ConvNet& network, const Bound& p, Var images,
                        const Indices& labels, const nn::Statistics* statistics) {
  return softmax_cross_entropy(network(p, images, {.training = true, .statistics = statistics}),
                               labels);
}

Var classification_loss(const nn::ConvNet& network, const Bound& p, Var images,
                        const Indices& labels, const Indices& some) {
  std::vector<std::int32_t> of_some;
  for (const std::int32_t i : some.values()) of_some.push_back(labels[i]);
  return classification_loss(network, p, gather(images, some), Indices(std::move(of_some)));
}

QueryPass query_pass(const nn::ConvNet& network, StatisticsFrom statistics, const Bound& p,
                     const tasks::Episode& episode, const Params& carry) {
  Tape& tape = p[0].tape();
  nn::Statistics of_support;
  nn::Mode mode{.training = true};
  if (statistics == StatisticsFrom::support) {
    of_support = nn::apply(network, p, tape.constant(episode.support), mode).statistics;
    mode.statistics = &of_support;
  }
  const nn::Applied queries = nn::apply(network, p, tape.constant(episode.query), mode);
  return {.loss = softmax_cross_entropy(queries.value, episode.query_labels),
          .accuracy = nn::accuracy(queries.value, episode.query_labels),
          .carry = statistics == StatisticsFrom::running
                       ? nn::update_running(carry, queries.statistics.value(), running_weight)
                       : Params{}};
}

Classifier adapted_classifier(const nn::ConvNet& network, StatisticsFrom statistics, Tape& tape,
                              Params weights, const Tensor& support, const Params& carry) {
  Params known;  // the statistics, where they do not depend on the queries
  if (statistics == StatisticsFrom::running) {
    known = carry;
  } else if (statistics == StatisticsFrom::support) {
    const Tape::Scope scope(tape);
    known =
        nn::apply(network, bind_constant(tape, weights), tape.constant(support)).statistics.value();
  }
  return [=, &tape, weights = std::move(weights)](const Tensor& images) {
    const Tape::Scope scope(tape);
    const nn::Statistics bound = nn::bind_statistics(tape, known);
    const nn::Mode mode{.statistics = statistics == StatisticsFrom::batch ? nullptr : &bound};
    return softmax(network(bind_constant(tape, weights), tape.constant(images), mode)).value();
  };
}

}  // namespace metatape::metalearn
