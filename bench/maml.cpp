// maml.cpp: W4b and W4c, the step of an initialisation that a few gradient steps adapt, in the
// words of a user of the library.
#include <memory>
#include <utility>
#include <vector>

#include <metatape/nn.hpp>

#include "filled.hpp"
#include "workloads.hpp"

namespace bench {

using namespace metatape;

namespace {

constexpr double rate = 0.1;

// The network's weights as README.md has them.
Params start_of(const nn::ConvNet& net, DType dtype) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::uint32_t block = 0;
  const Params shapes = net.init(Key{});
  for (const ParamEntry& e : shapes.entries()) {
    std::uint32_t stream = 30 + block;
    float scale = block == 0 ? 0.8f : 0.1f, offset = 0;
    if (e.name.ends_with("norm.weight")) stream = 40 + block, scale = 0.1f, offset = 1;
    if (e.name.ends_with("norm.bias")) stream = 50 + block++, scale = 0.1f;
    if (e.name == "head.weight") stream = 60, scale = 0.2f;
    if (e.name == "head.bias") stream = 61, scale = 0.1f;
    tensors.emplace_back(e.name, filled(stream, e.shape, scale, offset, dtype));
  }
  return Params(tensors);
}

struct Set {
  Tensor images;
  Indices labels;
};

Set set_of(std::uint32_t stream, std::int64_t way, std::int64_t each, std::int64_t side,
           DType dtype) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < way * each; ++i)
    labels.push_back(static_cast<std::int32_t>(i / each));
  return {filled(stream, {way * each, side, side, 1}, 0.5f, 0.5f, dtype),
          Indices(std::move(labels))};
}

struct Task {
  Set support, query;
};

struct Learner {
  nn::ConvNet net;
  std::int64_t steps = 1;

  [[nodiscard]] Var loss(const Bound& p, const Set& set) const {
    return softmax_cross_entropy(net(p, p[0].tape().constant(set.images)), set.labels);
  }

  // The query loss after the steps; the gradient is through them.
  double exact(Tape& tape, const Params& start, const Task& task, Params& gradient) const {
    const Bound p = bind(tape, start);
    Bound adapted = p;
    for (std::int64_t i = 0; i < steps; ++i)
      adapted = adapted - rate * recorded_grad(loss(adapted, task.support), adapted);
    const Var after = loss(adapted, task.query);
    grad_into(after, p, gradient);
    return after.item();
  }

  // The gradient is at the adapted weights.
  double first_order(Tape& tape, const Params& start, const Task& task, Params& gradient) const {
    Params adapted = start;
    const auto value_and_gradient = [&](const Set& set) {
      const Tape::Scope scope(tape);
      const Bound p = bind(tape, adapted);
      const Var value = loss(p, set);
      grad_into(value, p, gradient);
      return value.item();
    };
    for (std::int64_t i = 0; i < steps; ++i) {
      value_and_gradient(task.support);
      adapted.add_scaled(-rate, gradient);
    }
    return value_and_gradient(task.query);
  }
};

}  // namespace

Step maml(const Conv4& shape, const Adaptation& a, DType dtype) {
  const auto& [way, shot, queries] = a.episode;
  const Learner learner{nn::conv4({.size = shape.side, .filters = shape.filters, .classes = way}),
                        a.steps};
  const Params start = start_of(learner.net, dtype);
  const auto meta_batch = static_cast<std::size_t>(a.tasks);
  std::vector<Task> batch;
  for (std::uint32_t i = 0; i < meta_batch; ++i)
    batch.push_back({set_of(300 + i, way, shot, shape.side, dtype),
                     set_of(400 + i, way, queries, shape.side, dtype)});

  // A tape a worker, and a gradient a task. Made by the first step, which is not timed.
  const auto tapes = std::make_shared<std::vector<Tape>>();
  const auto gradients = std::make_shared<std::vector<Params>>(meta_batch, start.zeros_like());
  return [=](Tape& tape) -> Outcome {
    Threads& threads = *tape.threads();
    while (tapes->size() < static_cast<std::size_t>(threads.count())) tapes->emplace_back();
    std::vector<double> losses(meta_batch);
    threads.run(a.tasks, [&](std::int64_t i, int worker) {
      const auto at = static_cast<std::size_t>(i);
      Tape& own = (*tapes)[static_cast<std::size_t>(worker)];
      losses[at] = a.exact ? learner.exact(own, start, batch[at], (*gradients)[at])
                           : learner.first_order(own, start, batch[at], (*gradients)[at]);
      own.clear();
    });
    Outcome outcome;
    Params sum = start.zeros_like();
    for (std::size_t i = 0; i < meta_batch; ++i) {
      outcome.loss += losses[i] / static_cast<double>(meta_batch);
      sum.add_scaled(1.0 / static_cast<double>(meta_batch), (*gradients)[i]);
    }
    outcome.gradients.push_back(sum.flat());
    return outcome;
  };
}

}  // namespace bench
