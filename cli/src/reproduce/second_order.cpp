// second_order.cpp: along the training of an LSTM optimizer, the meta-gradient without second
// derivatives beside the exact one, at the same weights and on the same functions.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "../signals.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/metalearn/optimizers/lstm.hpp"
#include "metatape/metalearn/optimizers/trial.hpp"
#include "metatape/metalearn/unroll/minimise.hpp"
#include "metatape/metalearn/unroll/training.hpp"
#include "metatape/tasks/optimizees/quadratics.hpp"
#include "studies.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyOptimizer;
using metalearn::Order;

constexpr int run_steps = 100, window = 20;

// First order against exact, over functions.
struct Likeness {
  MeanOf cosine{};      // of a function's two gradients
  MeanOf bias{};        // <first - exact, e> / ‖e‖², e the mean exact gradient
  double of_means = 0;  // cosine of the means
};

Likeness compared(const AnyOptimizer& optimizer, int steps, int functions,
                  const StudyContext& context) {
  const tasks::Quadratics problem{};
  std::vector<std::array<Params, 2>> pairs(static_cast<std::size_t>(functions));
  context.threads.run(functions, [&](std::int64_t i, int) {
    auto& [first, exact] = pairs[static_cast<std::size_t>(i)];
    const Key key = Key{context.seed}.split("compared", static_cast<std::uint64_t>(i));
    first = metalearn::meta_gradient(problem, optimizer, {.steps = steps, .key = key}).gradient;
    exact = metalearn::meta_gradient(problem, optimizer,
                                     {.steps = steps, .order = Order::exact, .key = key})
                .gradient;
  });
  stop_if_asked();
  Params mean_first = pairs[0][0].zeros_like(), mean_exact = mean_first;
  std::vector<double> cosines, biases;
  for (const auto& [first, exact] : pairs) {
    mean_first.add_scaled(1.0 / functions, first);
    mean_exact.add_scaled(1.0 / functions, exact);
    cosines.push_back(first.dot(exact) / (first.norm() * exact.norm()));
  }
  const double whole = mean_exact.dot(mean_exact);
  for (const auto& [first, exact] : pairs)
    biases.push_back((first.dot(mean_exact) - exact.dot(mean_exact)) / whole);
  return {mean_of(cosines), mean_of(biases),
          mean_first.dot(mean_exact) / (mean_first.norm() * std::sqrt(whole))};
}

metalearn::Trainer trainer_of(const AnyOptimizer& optimizer, Order order, std::int64_t meta_steps,
                              const StudyContext& context) {
  return {metalearn::unroll_objective(tasks::Quadratics{.functions = 128}, optimizer,
                                      {.steps = run_steps, .window = window, .order = order}),
          optimizer.phi(),
          {.optimizer = metalearn::Adam{.learning_rate = 1e-2},
           .schedule = metalearn::cosine(meta_steps, 0.01),
           .clip = 1},
          Key{context.seed},
          &context.threads};
}

}  // namespace

StudyResult second_order(const StudyContext& context) {
  StudyResult result;
  const std::int64_t meta_steps = context.paper ? 10000 : 1000;
  const int functions = context.paper ? 256 : 64;
  const AnyOptimizer optimizer =
      metalearn::LstmOptimizer{.input = metalearn::GradientInput::raw,
                               .scale = 0.1,
                               .key = Key{context.seed}.split("weights")};
  Figure cosines{.title = "First-order against exact meta-gradient of an LSTM optimizer",
                 .x_label = "meta-steps of its training",
                 .y_label = "cosine"};
  Figure biases = cosines;
  biases.y_label = "relative bias";
  std::vector<Series> cosine_of(2), bias_of(2);
  const std::array lengths{window, run_steps};
  for (std::size_t i = 0; i < lengths.size(); ++i)
    cosine_of[i].name = bias_of[i].name = fmt::format("{} steps", lengths[i]);

  const auto look = [&](std::int64_t at, const Params& phi, bool listed) {
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const Likeness l = compared(optimizer.with_phi(phi), lengths[i], functions, context);
      if (listed) {
        const std::string where = fmt::format("{} meta-steps, run of {}", at, lengths[i]);
        result.rows.push_back({"cosine, " + where, {}, l.cosine.mean, l.cosine.ci95});
        result.rows.push_back({"cosine of the means, " + where, {}, l.of_means});
        result.rows.push_back({"relative bias, " + where, {}, l.bias.mean, l.bias.ci95});
      }
      for (const auto& [series, value] :
           {std::pair{&cosine_of[i], l.cosine}, {&bias_of[i], l.bias}}) {
        series->x.push_back(static_cast<double>(at));
        series->y.push_back(value.mean);
        series->low.push_back(value.mean - value.ci95);
        series->high.push_back(value.mean + value.ci95);
      }
    }
  };
  // per thousand of the training; those that make rows, and those between for the figures
  constexpr std::array listed{0, 20, 50, 100, 250, 500, 1000};
  constexpr std::array between{10, 35, 70, 150, 200, 300, 400, 600, 700, 800, 900};
  for (const Order order : {Order::first, Order::exact}) {
    metalearn::Trainer trainer = trainer_of(optimizer, order, meta_steps, context);
    const char* name = order == Order::first ? "first order" : "exact";
    const auto looked = [&](std::int64_t at) {
      if (order == Order::exact) return;
      const auto is_due = [&](int thousandths) { return thousandths * meta_steps == at * 1000; };
      const bool row = std::ranges::any_of(listed, is_due);
      if (row || std::ranges::any_of(between, is_due)) look(at, trainer.phi(), row);
    };
    looked(0);
    train(trainer, meta_steps, fmt::format("meta-steps, {}", name), context,
          [&](const metalearn::StepReport& r) { looked(r.step); });
    const metalearn::TrialSummary s = metalearn::summarise(
        metalearn::try_optimizer(optimizer.with_phi(trainer.phi()), tasks::Quadratics{},
                                 {.steps = run_steps,
                                  .instances = 1000,
                                  .key = Key{context.seed}.split("judged"),
                                  .threads = &context.threads,
                                  .stop = StopGuard::asked}));
    stop_if_asked();
    result.rows.push_back(
        {fmt::format("loss after {} steps, trained {}", run_steps, name), {}, s.mean, s.ci95});
  }
  cosines.series = cosine_of;
  biases.series = bias_of;
  result.figures.emplace_back("cosine", std::move(cosines));
  result.figures.emplace_back("relative-bias", std::move(biases));
  return result;
}

}  // namespace metatape::cli
