// train.cpp: `metatape fewshot train`: a learner on episodes, saved as it goes.
#include "metatape/metalearn/fewshot/train.hpp"

#include <fmt/format.h>

#include <cmath>
#include <deque>

#include "../commands.hpp"
#include "../profile_report.hpp"
#include "../progress.hpp"
#include "../signals.hpp"
#include "../training_log.hpp"
#include "seeds.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

using metalearn::LoopEnd;
using metalearn::StepReport;
using metalearn::Trainer;

constexpr int log_every = 10;  // steps between lines of metrics.jsonl
constexpr int validation_episodes = 100;
constexpr int validations = 10;  // of a run
constexpr double default_minutes = 10;

// Says once that a loss stays where guessing would put it.
class StuckWatch {
 public:
  explicit StuckWatch(std::int64_t classes) : chance_(std::log(classes)) {}

  void see(std::int64_t step, double loss, Console& console) {
    losses_.push_back(loss);
    if (losses_.size() > 50) losses_.pop_front();
    if (said_ || step < 200 || losses_.size() < 50) return;
    double mean = 0;
    for (const double l : losses_) mean += l / 50;
    if (mean < 0.98 * chance_) return;
    said_ = true;
    console.warn(fmt::format(
        "after {} steps the loss is {:.3f}, that of guessing is {:.3f}: nothing is being learned; "
        "another --learning-rate or --scale may help",
        step, mean, chance_));
  }

 private:
  double chance_;
  std::deque<double> losses_;
  bool said_ = false;
};

void draw_curves(const RunFolder& folder, const TrainingLog& log, Console& console) {
  write_figure({.title = "Loss of training episodes",
                .x_label = "episodes",
                .y_label = "cross-entropy",
                .log_y = true,
                .series = {log.series("training loss", "episodes", "loss")}},
               folder.figures(), "loss", console);
  write_figure({.title = "Accuracy",
                .x_label = "episodes",
                .y_label = "% of queries right",
                .series = {log.series("training", "episodes", "accuracy", 100),
                           log.series("validation", "episodes", "validation_accuracy", 100)}},
               folder.figures(), "accuracy", console);
}

// What a training works with.
struct Training {
  tasks::Splits splits;
  metalearn::FewShotRecipe recipe;
  std::shared_ptr<const tasks::EpisodeSampler> episodes;
  metalearn::AnyLearner learner;
  Params start;  // first weights
};

// Gives what was left open the recipe's values; UsageError for settings that cannot be together.
Training prepare(Invocation& in, FewShotSettings& s, Threads& threads) {
  Training t{.splits = read_splits(s, in.common.data, threads, in.console),
             .recipe = {},
             .episodes = {},
             .learner = {},
             .start = {}};
  const tasks::ImageSet& set = *t.splits.train.set;
  // Recipes were measured on alphabets; where there are none, no episode is within one.
  if (!s.train_within && set.groups().empty()) s.train_within = 0;
  t.recipe = s.fill();
  const Key key(in.common.seed);
  try {
    t.episodes = std::make_shared<const tasks::EpisodeSampler>(
        t.splits.train, metalearn::training_episodes(t.recipe, image_size), key, &threads);
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
  for (const std::string& line : t.episodes->left_out()) in.console.detail("left out: " + line);
  try {
    t.learner =
        metalearn::make_learner(t.recipe, {.size = image_size,
                                           .channels = set.channels(),
                                           .classes = static_cast<int>(set.classes().size())});
    require_way(t.learner, s.way);
    t.start = t.learner.init(key.split("phi"));
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
  return t;
}

}  // namespace

int fewshot_train(Invocation& in) {
  FewShotSettings s;
  s.declare_training(in.settings);
  s.declare_episodes(in.settings);
  s.declare_splits(in.settings);
  double save_every = 60;
  int seeds = 0;
  in.settings.section("Running");
  in.settings.add("save-every", save_every, "seconds between checkpoints; 0: after each step",
                  {.least = 0, .most = 86400, .result = false});
  in.settings.add(
      "seeds", seeds,
      "how many runs, of seeds --seed, --seed + 1, ..., in DIR/seed-1, DIR/seed-2, ...; "
      "0: one run, in DIR itself",
      {.least = 0, .most = 1000, .raisable = true});
  in.take(
      {.seed = true, .threads = true, .data = true, .run = true, .profile = true, .memory = true});
  in.parse();
  s.refuse_unused(in.settings);

  if (!s.duration.count && !s.duration.minutes) s.duration.minutes = default_minutes;
  if (seeds > 0) {
    {
      Threads threads(in.common.threads);
      (void)prepare(in, s, threads);  // what cannot be is said before anything is made
    }
    return train_seeds(in, s, seeds, save_every);
  }

  Threads threads(in.common.threads);
  const Training training = prepare(in, s, threads);
  const tasks::Splits& splits = training.splits;
  const metalearn::FewShotRecipe& recipe = training.recipe;
  const auto& episodes = training.episodes;
  const metalearn::AnyLearner& learner = training.learner;
  const Params& start_weights = training.start;
  const int channels = splits.train.set->channels();
  const Key key(in.common.seed);
  const metalearn::Shots shots =
      recipe.vary_shot ? metalearn::Shots::varied : metalearn::Shots::fixed;
  const auto make_trainer = [&](std::int64_t decay) {
    return Trainer(metalearn::episode_objective(learner, episodes, shots), start_weights,
                   {.optimizer = metalearn::outer_optimizer(recipe),
                    .schedule = metalearn::make_schedule(
                        recipe, (decay + recipe.meta_batch - 1) / recipe.meta_batch),
                    .batch = recipe.meta_batch,
                    .clip = recipe.clip},
                   key, &threads);
  };

  // ---- how many episodes: as told, or planned from the time of the first ones
  Duration& duration = s.duration;
  if (in.common.resume.empty() && !in.settings.given("episodes")) {
    Trainer timed = make_trainer(1);
    timed.measure_seconds(3);  // warm memory
    const double each = timed.measure_seconds(12) / recipe.meta_batch;
    duration.count = planned_count(*duration.minutes, each, recipe.meta_batch);
    in.console.note(fmt::format("planned: {} episodes in {:g} min ({:.1f} ms each)",
                                grouped(*duration.count), *duration.minutes, 1e3 * each));
  }
  const bool raised = !in.common.resume.empty() && raise_at_resume(duration, in, "episodes");
  if (!s.decay_episodes) s.decay_episodes = duration.count;

  // From here on the run can go on, so the first signal lets it save and say how.
  const StopGuard guard;
  RunFolder& folder = in.open_run();
  Trainer trainer = make_trainer(*s.decay_episodes);
  if (folder.has_checkpoint()) {
    const std::string file = folder.checkpoint().string();
    trainer.restore(nn::load(file), file);
    if (trainer.steps_done() > 0) require_fit(learner, metalearn::trained(trainer), channels, file);
  }
  TrainingLog log(in, folder, trainer.steps_done(),
                  grouped(trainer.steps_done() * recipe.meta_batch) + " episodes");
  if (raised) in.rewrite_config();  // what comes after another interruption is held to it too

  std::shared_ptr<const tasks::EpisodeSampler> validation;
  if (!splits.validation.classes.empty()) {
    try {
      validation =
          evaluation_episodes(s, splits.validation, recipe.centre, in.common.seed, in.console);
    } catch (const UsageError& e) {
      in.console.warn(fmt::format("no validation: {}", e.what()));
    }
  }

  // ---- the loop
  const std::int64_t steps = (*duration.count + recipe.meta_batch - 1) / recipe.meta_batch;
  const std::int64_t first = trainer.steps_done();
  const std::int64_t total = steps * recipe.meta_batch;
  double validation_accuracy = std::nan("");
  StepReport last;
  StuckWatch stuck(start_weights.contains("classes.bias") ? start_weights["classes.bias"].size()
                                                          : recipe.way);
  const auto validate = [&](std::int64_t step) {
    const auto e =
        metalearn::evaluate(learner, metalearn::trained(trainer), validation, validation_episodes,
                            {.threads = &threads, .stop = StopGuard::asked});
    if (static_cast<int>(e.accuracies.size()) < validation_episodes) return;
    validation_accuracy = e.accuracy;
    log.add(step, {{"episodes", step * recipe.meta_batch},
                   {"validation_accuracy", e.accuracy},
                   {"validation_ci95", e.ci95}});
  };
  const std::int64_t validate_every =
      validation ? std::max<std::int64_t>(1, steps / validations) : 0;
  std::int64_t validated = 0;
  if (const Json* line = log.last_with("validation_accuracy")) {
    validation_accuracy = line->at("validation_accuracy").get<double>();
    validated = line->at("step").get<std::int64_t>();
  }
  const double seconds = duration.seconds_left(log.spent_before());
  LoopEnd end{};
  {
    Progress progress(in.console, {.what = "episodes",
                                   .total = total,
                                   .start = first * recipe.meta_batch,
                                   .seconds = seconds});
    end = metalearn::run(
        trainer, {.steps = steps,
                  .seconds = seconds,
                  .validate_every = validate_every,
                  .validated = validated,
                  .save_every = save_every,
                  .report =
                      [&](const StepReport& r) {
                        last = r;
                        stuck.see(r.step, r.loss, in.console);
                        const double accuracy = r.measures.at(0).second;
                        progress.update(r.step * recipe.meta_batch,
                                        {{"loss", r.loss}, {"accuracy", accuracy}});
                        if (r.step % log_every != 0) return;
                        log.add(r.step, {{"episodes", r.step * recipe.meta_batch},
                                         {"loss", r.loss},
                                         {"accuracy", accuracy},
                                         {"gradient_norm", r.gradient_norm},
                                         {"learning_rate", recipe.learning_rate * r.rate_scale}});
                      },
                  .validate = validation ? std::function<void(std::int64_t)>(validate) : nullptr,
                  .save =
                      [&] {
                        trainer.save(folder.checkpoint(), {{"learner", learner.name()}});
                      },
                  .stop = StopGuard::asked});
  }

  const double trained_s = log.spent_now();
  const std::int64_t done = trainer.steps_done() * recipe.meta_batch;
  const auto rate = static_cast<double>(done - first * recipe.meta_batch) / trained_s;
  Json result{{"learner", learner.name()},
              {"recipe", s.recipe},
              {"episodes", done},
              {"planned_episodes", total},
              {"loss", last.step > 0 ? last.loss : std::nan("")},
              {"validation_accuracy", validation_accuracy},
              {"validation_way", s.way},
              {"validation_shot", s.shot},
              {"seconds_training", log.spent()},
              {"episodes_per_s", done > first * recipe.meta_batch ? rate : std::nan("")},
              {"parameters", trainer.phi().size()},
              {"classes", episodes->split().classes.size()},
              {"images_per_episode", recipe.way * (recipe.shot + recipe.query)}};
  if (in.common.memory)
    result["peak_tape_mib"] = memory_report(trainer.peak_tape_bytes(), in.console);
  if (end == LoopEnd::stopped) in.interrupted(std::move(result));

  draw_curves(folder, log, in.console);
  std::string words = fmt::format("trained {} on {} episodes in {}", learner.name(), grouped(done),
                                  clock_text(log.spent()));
  if (!std::isnan(validation_accuracy))
    words += fmt::format("; validation, {}-way {}-shot: {}", s.way, s.shot,
                         percent(validation_accuracy, 1));
  in.console.print(words + "\n" + fmt::format("saved in {}\n", folder.path().string()));
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli
