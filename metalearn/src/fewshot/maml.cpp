#include "metatape/metalearn/fewshot/maml.hpp"

#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

InnerLoop loop_of(const Maml& m) {
  return {.steps = m.steps,
          .rate = m.rate,
          .order = m.order,
          .moves = [which = m.adapts](std::string_view name) { return adapted(which, name); },
          .learned_rates = m.learned_rates,
          .proximal = m.proximal,
          .solver_steps = m.solver_steps};
}

LossOf support_loss(const nn::ConvNet& network, const Tensor& images, const Indices& labels) {
  return [&network, images, labels](const Bound& p) {
    return classification_loss(network, p, p[0].tape().constant(images), labels);
  };
}

}  // namespace

std::string Maml::name() const {
  return order == Order::first && proximal == 0 ? "fomaml" : "maml";
}

Params Maml::init(Key key) const {
  InnerLoop of_use = loop_of(*this);
  of_use.steps = test_steps;
  require_sound(loop_of(*this));
  require_sound(of_use);
  const Params weights = network.init(key);
  return learned_rates ? with_rates(loop_of(*this), weights) : weights;
}

MetaStep Maml::objective(Tape& tape, const Params& phi, const Params& carry,
                         const tasks::Episode& e, Key) const {
  require_head(name(), network, static_cast<int>(e.plan.classes.size()));
  MetaStep answer;
  LossAndGradient through =
      through_steps(loop_of(*this), tape, phi, support_loss(network, e.support, e.support_labels),
                    [&](const Bound& p) {
                      QueryPass q = query_pass(network, statistics, p, e, carry);
                      answer.carry = std::move(q.carry);
                      answer.measures = {{"accuracy", q.accuracy}};
                      return q.loss;
                    });
  answer.loss = through.loss;
  answer.gradient = std::move(through.gradient);
  return answer;
}

Classifier Maml::adapt(Tape& tape, const Params& phi, const Params& carry, const Tensor& support,
                       const Indices& labels, int way) const {
  require_head(name(), network, way);
  const StepTape own(tape);
  return adapted_classifier(
      network, statistics, tape,
      descend(loop_of(*this), own.tape(), phi, support_loss(network, support, labels), test_steps),
      support, carry);
}

}  // namespace metatape::metalearn
