// hypergradient.cpp: the learning rate of each step of a small network's training, and its
// momentum, learned by gradients through the whole training.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../progress.hpp"
#include "../signals.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/estimators/training.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/metalearn/optimizers/trial.hpp"
#include "metatape/metalearn/optimizers/tune.hpp"
#include "metatape/metalearn/optimizers/tuned.hpp"
#include "metatape/tasks/optimizees/by_name.hpp"
#include "studies.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyOptimizer;
using metalearn::Order;
using metalearn::TrialSummary;

constexpr int steps = 50;  // of a training
constexpr const char* network = "mlp:data=mnist";

// Trainings that go on at once share what was read.
class Networks {
 public:
  explicit Networks(std::string data) : data_(std::move(data)) {}
  [[nodiscard]] tasks::AnyOptimizee draw(tasks::Purpose purpose) const {
    return tasks::make_optimizee(network, {.data = data_, .purpose = purpose, .images = images_});
  }

 private:
  std::string data_;
  std::shared_ptr<tasks::ImageCache> images_ = std::make_shared<tasks::ImageCache>();
};

metalearn::Momentum best_constant(const Networks& networks, const StudyContext& context) {
  Progress progress(context.console, {.what = "trials of constant rates"});
  int tries = 0;
  double least = std::numeric_limits<double>::infinity();
  metalearn::Momentum best;
  for (const double momentum : {0.5, 0.8, 0.9, 0.95}) {
    const metalearn::Tuning tuning = metalearn::tune_learning_rate(
        fmt::format("momentum:momentum={}", momentum), networks.draw(tasks::Purpose::tune),
        {.trial = {.steps = steps,
                   .instances = context.paper ? 40 : 16,
                   .key = Key{context.seed}.split("tune"),
                   .threads = &context.threads,
                   .stop = StopGuard::asked},
         .low = 0.03,
         .high = 3,
         .trying = [&](double) { progress.update(++tries); }});
    stop_if_asked();
    const auto found =
        std::ranges::find(tuning.grid, tuning.best, &metalearn::Tuning::Point::learning_rate);
    if (found->summary.last5 >= least) continue;
    least = found->summary.last5;
    best = {.learning_rate = tuning.best, .momentum = momentum};
  }
  return best;
}

// Rates and momentum of `optimizer` improved by hyper-gradients of the last loss.
Params learned(const AnyOptimizer& optimizer, Order order, const Networks& networks,
               const StudyContext& context) {
  const std::int64_t updates = context.paper ? 400 : 100;
  const metalearn::System system =
      metalearn::minimisations(networks.draw(tasks::Purpose::train), optimizer,
                               {.steps = steps, .objective = metalearn::RunObjective::final_value});
  metalearn::Trainer trainer(
      metalearn::estimator_objective(system, metalearn::Reverse{.order = order, .segment = 8}),
      optimizer.phi(),
      {.optimizer = metalearn::Adam{.learning_rate = 0.03},
       .schedule = metalearn::cosine(updates),
       .batch = 8},
      Key{context.seed}.split("hypergradient"), &context.threads);
  train(
      trainer, updates,
      fmt::format("updates by {} hyper-gradients", order == Order::exact ? "exact" : "first-order"),
      context);
  return trainer.phi();
}

metalearn::Trial tried(const AnyOptimizer& optimizer, const Networks& networks,
                       const StudyContext& context) {
  return metalearn::try_optimizer(optimizer, networks.draw(tasks::Purpose::evaluate),
                                  {.steps = steps,
                                   .instances = context.paper ? 400 : 100,
                                   .key = Key{context.seed}.split("fresh"),
                                   .threads = &context.threads,
                                   .stop = StopGuard::asked});
}

Series curve(const std::string& name, const metalearn::Trial& trial) {
  Series s{.name = name};
  for (int t = 0; t <= steps; ++t) {
    s.x.push_back(t);
    s.y.push_back(metalearn::summarise(trial, t).mean);
  }
  return s;
}

Series rates_by_step(const std::string& name, const std::function<double(std::int64_t)>& rate) {
  Series s{.name = name};
  for (std::int64_t t = 0; t < steps; ++t) {
    s.x.push_back(static_cast<double>(t + 1));
    s.y.push_back(rate(t));
  }
  return s;
}

}  // namespace

StudyResult hypergradient(const StudyContext& context) {
  StudyResult result;
  Figure losses{.title = "A network on MNIST, fresh starts and minibatches",
                .x_label = "step",
                .y_label = "loss",
                .log_y = true};
  Figure rates{
      .title = "Learning rates", .x_label = "step", .y_label = "learning rate", .log_y = true};
  const Networks networks(context.data);
  const auto judged = [&](const std::string& name, const AnyOptimizer& optimizer) {
    const metalearn::Trial trial = tried(optimizer, networks, context);
    stop_if_asked();
    const TrialSummary s = metalearn::summarise(trial);
    result.rows.push_back(
        {fmt::format("loss after {} steps, {}", steps, name), {}, s.mean, s.ci95});
    losses.series.push_back(curve(name, trial));
    return s.mean;
  };

  // ---- before: the best of constant rates and momenta
  const metalearn::Momentum constant = best_constant(networks, context);
  result.rows.push_back({"best constant rate of the grid", {}, constant.learning_rate});
  result.rows.push_back({"its momentum (of 0.5, 0.8, 0.9, 0.95)", {}, constant.momentum});
  const double before = judged("best constant rate and momentum", constant);
  rates.series.push_back(
      rates_by_step("best constant", [&](std::int64_t) { return constant.learning_rate; }));

  // ---- after
  const AnyOptimizer free =
      metalearn::tuned(constant, {metalearn::free_rate("log_learning_rate/step", constant, steps),
                                  metalearn::free_rate("momentum", constant, steps)});
  for (const auto& [name, order] :
       {std::pair<const char*, Order>{"exact hyper-gradients", Order::exact},
        {"first-order hyper-gradients", Order::first}}) {
    const Params phi = learned(free, order, networks, context);
    const double after = judged(fmt::format("schedule by {}", name), free.with_phi(phi));
    result.rows.push_back(
        {fmt::format("loss relative to the constant rate's, {}", name), {}, after / before});
    result.rows.push_back({fmt::format("momentum found, {}", name), {}, phi["momentum"].item()});
    const std::vector<float> logs(phi["log_learning_rate"].values<float>().begin(),
                                  phi["log_learning_rate"].values<float>().end());
    rates.series.push_back(rates_by_step(name, [&](std::int64_t t) {
      return std::exp(static_cast<double>(logs[static_cast<std::size_t>(t)]));
    }));
    const std::vector<double>& found = rates.series.back().y;
    result.rows.push_back(
        {fmt::format("largest rate of the schedule, {}", name), {}, std::ranges::max(found)});
    result.rows.push_back({fmt::format("its last, {}", name), {}, found.back()});
  }
  result.figures.emplace_back("loss", std::move(losses));
  result.figures.emplace_back("rates", std::move(rates));
  return result;
}

}  // namespace metatape::cli
