#include "metatape/metalearn/fewshot/lstm_learner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

constexpr const char* start_name = "start";
constexpr const char* rule_name = "rule";

// Positions of `count` images, no two classes' shares differing by more than one where they can
// help it: round after round one image of each class, classes and images in shuffled order.
Indices minibatch(const Indices& labels, int way, std::int64_t count, Key key) {
  Random random(key);
  std::vector<std::int32_t> order(static_cast<std::size_t>(labels.size())),
      round(static_cast<std::size_t>(labels.size())), taken(static_cast<std::size_t>(way)),
      rank(static_cast<std::size_t>(way));
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  std::iota(rank.begin(), rank.end(), 0);
  random.shuffle(rank);
  const auto label = [&](std::int32_t i) { return static_cast<std::size_t>(labels[i]); };
  for (const std::int32_t i : order) round[static_cast<std::size_t>(i)] = taken[label(i)]++;
  std::ranges::stable_sort(order, {}, [&](std::int32_t i) {
    return std::pair(round[static_cast<std::size_t>(i)], rank[label(i)]);
  });
  order.resize(static_cast<std::size_t>(count));
  return Indices(std::move(order));
}

// The support set's loss, all of it or a mini-batch.
tasks::ParameterLoss support_loss(const LstmLearner& l, const Tensor& support,
                                  const Indices& labels, int way) {
  for (std::int64_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= way)
      throw DataError(
          fmt::format("support label {} at {}: 0 to {} expected", labels[i], i, way - 1));
  return [=, network = l.network, batch = l.batch](const Bound& p, Key key) {
    const Var images = p[0].tape().constant(support);
    if (batch == 0 || batch >= labels.size())
      return classification_loss(network, p, images, labels);
    return classification_loss(network, p, images, labels, minibatch(labels, way, batch, key));
  };
}

const Key adapting = Key{1}.split("adapt");

}  // namespace

Params LstmLearner::init(Key key) const {
  if (steps < 0 || test_steps < 0 || batch < 0)
    throw DataError(fmt::format("lstm: {} steps, {} at test, on {} images: none may be below 0",
                                steps, test_steps, batch));
  MetaLstm rule = optimizer;
  rule.key = key.split(rule_name);
  return Params::join({network.init(key.split(start_name)).prefixed(start_name),
                       rule.phi(DType::f32).prefixed(rule_name)});
}

MetaStep LstmLearner::objective(Tape& tape, const Params& phi, const Params& carry,
                                const tasks::Episode& e, Key key) const {
  const int way = static_cast<int>(e.plan.classes.size());
  require_head(name(), network, way);
  const Params start = phi.inside(start_name), rule = phi.inside(rule_name);
  QueryPass query;
  const auto judged = [&](const Bound& p, Key) {
    query = query_pass(network, statistics, p, e, carry);
    return query.loss;
  };
  MetaStep answer;
  Params of_start, of_rule;
  if (steps == 0) {
    const Bound p = bind(tape, start);
    const Var loss = judged(p, key);
    answer.loss = loss.item();
    of_start = grad(loss, p);
    of_rule = rule.zeros_like();
  } else {
    const tasks::OptimizeeInstance instance{
        .initial = start,
        .loss = support_loss(*this, e.support, e.support_labels, way),
        .objective = judged};
    const Unrolled run = scratches->with(tape.threads(), [&](UnrollScratch& scratch) {
      Unrolled r = unroll(instance, optimizer, rule, start_of(instance, optimizer, rule, key), key,
                          {.steps = steps, .judge_end = true}, scratch);
      answer.tape_bytes = scratch.peak_bytes();
      return r;
    });
    answer.loss = run.loss;
    of_start = run.theta_gradient;
    of_rule = run.gradient;
  }
  answer.gradient = Params::join({of_start.prefixed(start_name), of_rule.prefixed(rule_name)});
  answer.carry = std::move(query.carry);
  answer.measures = {{"accuracy", query.accuracy}};
  return answer;
}

Classifier LstmLearner::adapt(Tape& tape, const Params& phi, const Params& carry,
                              const Tensor& support, const Indices& labels, int way) const {
  require_head(name(), network, way);
  Params weights = phi.inside(start_name);
  if (test_steps > 0) {
    const Params rule = phi.inside(rule_name);
    const tasks::OptimizeeInstance instance{.initial = weights,
                                            .loss = support_loss(*this, support, labels, way)};
    const Unrolled run = scratches->with(tape.threads(), [&](UnrollScratch& scratch) {
      return unroll(instance, optimizer, rule, start_of(instance, optimizer, rule, adapting),
                    adapting, {.steps = test_steps, .judge_end = true, .gradient = false}, scratch);
    });
    weights = run.end.theta;
  }
  return adapted_classifier(network, statistics, tape, std::move(weights), support, carry);
}

std::vector<std::vector<TensorGates>> LstmLearner::gates(Tape& tape, const Params& phi,
                                                         const Tensor& support,
                                                         const Indices& labels, int way) const {
  require_head(name(), network, way);
  const Params rule = phi.inside(rule_name);
  const tasks::OptimizeeInstance instance{.initial = phi.inside(start_name),
                                          .loss = support_loss(*this, support, labels, way)};
  RunState at = start_of(instance, optimizer, rule, adapting);
  return scratches->with(tape.threads(), [&](UnrollScratch& scratch) {
    std::vector<std::vector<TensorGates>> all;
    for (int step = 0; step < test_steps; ++step) {
      at = unroll(instance, optimizer, rule, at, adapting,
                  {.steps = 1, .judge_end = true, .gradient = false}, scratch)
               .end;
      all.push_back(gates_of(*at.theta.layout(), at.state));
    }
    return all;
  });
}

}  // namespace metatape::metalearn
