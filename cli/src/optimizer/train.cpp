// train.cpp: `metatape optimizer train`: a learned optimizer, meta-trained on windows of unrolled
// runs, the best weights by validation kept.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "../commands.hpp"
#include "../duration.hpp"
#include "../profile_report.hpp"
#include "../progress.hpp"
#include "../signals.hpp"
#include "../training_log.hpp"
#include "learned.hpp"
#include "metatape/metalearn/estimators/by_name.hpp"
#include "metatape/metalearn/estimators/training.hpp"
#include "metatape/metalearn/optimizers/checkpoint.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"
#include "metatape/metalearn/training/trainer.hpp"
#include "metatape/metalearn/unroll/training.hpp"
#include "metatape/tasks/optimizees/convex_companion.hpp"
#include "metatape/tasks/optimizees/random_scaling.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

using metalearn::LoopEnd;
using metalearn::StepReport;
using metalearn::Trainer;
using metalearn::TrialSummary;

constexpr int log_every = 10;    // meta-steps between lines of metrics.jsonl
constexpr int validations = 20;  // of a run
constexpr double default_minutes = 10;
constexpr int side_by_side = 128;

struct TrainSettings {
  ProblemSettings problem;
  ModelSettings model;
  Duration duration;
  std::optional<std::int64_t> decay_steps, validate_every;
  std::optional<int> functions, validation_instances;
  std::optional<double> learning_rate;
  int unroll = 20, meta_batch = 1, shortest = 0;
  double clip = 1, clip_each = 0, random_scaling = 0, imitate = 0, save_every = 60;
  bool convex_companion = false;
  double sigma = 0.01;
  std::optional<std::string> order, estimator;
  std::string objective = "sum", curriculum, teacher = "adam:learning_rate=0.03";

  void declare(Settings& settings);
};

void TrainSettings::declare(Settings& s) {
  problem.declare(s);
  s.add("functions", functions, "independent functions side by side in an instance",
        {.least = 1, .most = 1e6, .default_text = "128 of formulas, 1 of networks"});
  s.add("random-scaling", random_scaling,
        "coordinates stretched by e^U(-X, X), anew in each run; 0: not", {.least = 0, .most = 20});
  s.add("convex-companion", convex_companion, "a small convex problem beside the other");
  model.declare(s);
  s.section("Meta-training");
  s.add("meta-steps", duration.count, "how many windows",
        {.least = 1, .most = 1e12, .raisable = true, .default_text = "10 minutes of them"});
  s.add("minutes", duration.minutes, "how long: meta-steps are planned from the time of the first",
        {.least = 0, .most = 1e6, .above_least = true, .raisable = true, .default_text = "10"});
  s.add("unroll", unroll, "steps between two steps of the weights", {.least = 1, .most = 1e6});
  s.add("shortest", shortest, "each run's length is drawn from N to --steps; 0: all are --steps",
        {.least = 0, .most = 1e6});
  s.add("curriculum", curriculum,
        "lengths of runs, in equal parts of the meta-steps: 100,200,500; or META-STEP:LENGTH,...",
        {.value_name = "LIST"});
  s.add("order", order, "exact: differentiate through the optimizee's gradients, too",
        {.choices = {"first", "exact"},
         .default_text = "exact on formulas, where it learns more, first on networks"});
  s.add("estimator", estimator,
        "of the meta-gradient: pes:N, nres:N, es:N, forward, uoro, artbp:C, truncated:K, ... (see "
        "gradients compare); pairs answer every --unroll steps",
        {.value_name = "NAME", .default_text = "windows of --unroll steps, in --order"});
  s.add("sigma", sigma, "of the perturbations of pes, nres, es",
        {.least = 0, .most = 1e6, .above_least = true});
  s.add("objective", objective, "of a window; of --estimator, of a run",
        {.choices = {"sum", "final", "log_ratio", "mean_log_ratio"}});
  s.add("imitate", imitate, "share of runs in which updates of --teacher are imitated",
        {.least = 0, .most = 1});
  s.add("teacher", teacher, "who is imitated", {.value_name = "NAME:KEY=VALUE,..."});
  s.add("meta-batch", meta_batch, "instances a meta-step", {.least = 1, .most = 4096});
  s.add("learning-rate", learning_rate, "of Adam on the weights, a cosine to a hundredth of it",
        {.least = 0, .above_least = true, .default_text = "by model and problem"});
  s.add("decay-steps", decay_steps, "the span of the cosine",
        {.least = 1, .most = 1e12, .default_text = "the planned meta-steps"});
  s.add("clip", clip, "the meta-gradient's norm is scaled down to this; 0: not",
        {.least = 0, .most = 1e9});
  s.add("clip-each", clip_each,
        "the same of each instance's meta-gradient, before the mean of --meta-batch; 0: not",
        {.least = 0, .most = 1e9});
  s.add("validate-every", validate_every, "meta-steps between validations on fresh instances",
        {.least = 1, .most = 1e12, .default_text = "a twentieth of the planned ones"});
  s.add("validation-instances", validation_instances, "how many",
        {.least = 1, .most = 1e6, .default_text = "8 of formulas, 12 of networks"});
  s.add("save-every", save_every, "seconds between checkpoints; 0: after each meta-step",
        {.least = 0, .most = 86400, .result = false});
}

bool is_network(const std::string& optimizee) {
  const std::string name = optimizee.substr(0, optimizee.find(':'));
  return name == "mlp" || name == "conv";
}

// The spec with so many functions side by side, unless it says so itself or knows no such key.
std::string with_functions(const std::string& spec, int functions) {
  const std::string name = spec.substr(0, spec.find(':'));
  for (const tasks::SpecInfo& info : tasks::optimizees_by_name())
    for (const auto& key : info.keys)
      if (info.name == name && key.name == "functions" &&
          spec.find("functions=") == std::string::npos)
        return fmt::format("{}{}functions={}", spec, spec.size() == name.size() ? ':' : ',',
                           functions);
  return spec;
}

std::int64_t whole(const std::string& text, const std::string& list) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 0)
    throw UsageError(fmt::format("--curriculum {}: '{}' is no count", list, text));
  return n;
}

// "100,200" in equal parts of `planned`, or "0:100,5000:200" as it stands; said in full afterwards.
std::vector<metalearn::RunStage> stages_of(std::string& list, std::int64_t planned) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    words.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  std::vector<metalearn::RunStage> stages;
  std::vector<std::string> said;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t colon = words[i].find(':');
    metalearn::RunStage stage{.meta_step = planned * static_cast<std::int64_t>(i) /
                                           static_cast<std::int64_t>(words.size()),
                              .steps = whole(words[i].substr(colon + 1), list)};
    if (colon != std::string::npos) stage.meta_step = whole(words[i].substr(0, colon), list);
    stages.push_back(stage);
    said.push_back(fmt::format("{}:{}", stage.meta_step, stage.steps));
  }
  list = joined(said, ",");
  return stages;
}

metalearn::UnrollObjective objective_of(const std::string& name) {
  if (name == "final") return metalearn::final_loss();
  if (name == "log_ratio") return metalearn::log_ratio();
  if (name == "mean_log_ratio") return metalearn::mean_log_ratio();
  return metalearn::sum_of_losses();
}

metalearn::Schedule schedule_of(std::int64_t steps) {
  const std::int64_t warm = std::min<std::int64_t>(100, steps / 10);
  const metalearn::Schedule fall = metalearn::cosine(std::max<std::int64_t>(1, steps - warm), 0.01);
  return warm > 0 ? metalearn::warm_up(warm, fall) : fall;
}

// What model choice goes by: less is better, a divergence is worst.
double score(const TrialSummary& s) {
  return s.diverged > 0 || !std::isfinite(s.last5) ? std::numeric_limits<double>::infinity()
                                                   : s.last5;
}

struct Best {
  Params phi{};
  double score = std::numeric_limits<double>::infinity();
  std::int64_t step = 0;

  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    if (phi.empty()) return {};
    return {{"best.score", fmt::format("{:.17g}", score)}, {"best.step", std::to_string(step)}};
  }
  static Best of(const nn::Checkpoint& checkpoint, const std::string& source) {
    Best best{.phi = metalearn::part_of(checkpoint, "best")};
    if (best.phi.empty()) return best;
    try {
      best.score = std::stod(checkpoint.metadata.at("best.score"));
      best.step = std::stoll(checkpoint.metadata.at("best.step"));
    } catch (const std::exception&) {
      throw DataError(source + ": tensors 'best.*' without their score and step");
    }
    return best;
  }
};

void draw_curves(const RunFolder& folder, const TrainingLog& log, Console& console) {
  write_figure({.title = "Meta-training",
                .x_label = "meta-steps",
                .y_label = "loss",
                .log_y = true,
                .series = {log.series("meta-loss of a window", "step", "meta_loss"),
                           log.series("loss at its end", "step", "final"),
                           log.series("validation", "step", "validation")}},
               folder.figures(), "meta-loss", console);
  write_figure({.title = "Norm of the meta-gradient, before clipping",
                .x_label = "meta-steps",
                .y_label = "norm",
                .log_y = true,
                .series = {log.series("gradient norm", "step", "gradient_norm")}},
               folder.figures(), "gradient-norm", console);
}

// What --estimator makes no use of is refused where it was typed: silence would look like consent.
void refuse_beside_estimator(const TrainSettings& s, const Settings& settings) {
  const auto typed = [&](const char* name) {
    return settings.origin(name) == Origin::command_line;
  };
  if (!s.estimator && typed("sigma"))
    throw UsageError("--sigma: of --estimator es, pes, nres alone");
  for (const char* name : {"order", "shortest", "curriculum", "imitate", "teacher"})
    if (s.estimator && typed(name))
      throw UsageError(fmt::format("--{}: not beside --estimator {}", name, *s.estimator));
}

std::optional<metalearn::AnyEstimator> estimator_of(const TrainSettings& s,
                                                    const Settings& settings) {
  refuse_beside_estimator(s, settings);
  if (!s.estimator) return std::nullopt;
  try {
    return metalearn::estimator_by_name(*s.estimator, {.sigma = s.sigma, .window = s.unroll});
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

}  // namespace

int optimizer_train(Invocation& in) {
  TrainSettings s;
  s.declare(in.settings);
  in.take({.seed = true, .threads = true, .run = true, .profile = true, .memory = true});
  in.parse();

  const std::optional<metalearn::AnyEstimator> estimator = estimator_of(s, in.settings);
  const bool network = is_network(s.problem.optimizee);
  const metalearn::AnyOptimizer optimizer = s.model.fill(network, in.common.seed);
  const metalearn::AnyOptimizer teacher = hand_crafted(s.teacher);
  if (!s.functions) s.functions = network ? 1 : side_by_side;
  if (!s.validation_instances) s.validation_instances = network ? 12 : 8;
  if (!s.order) s.order = network ? "first" : "exact";
  if (!s.learning_rate) s.learning_rate = s.model.model == "rnnprop" ? 3e-3 : network ? 5e-3 : 1e-2;
  if (s.shortest > s.problem.steps)
    throw UsageError(
        fmt::format("--shortest {}: longer than --steps {}", s.shortest, s.problem.steps));

  Threads threads(in.common.threads);
  ProblemSettings wide = s.problem;
  wide.optimizee = with_functions(s.problem.optimizee, *s.functions);
  tasks::AnyOptimizee problem = wide.make(tasks::Purpose::train);
  const tasks::AnyOptimizee fresh = wide.make(tasks::Purpose::validate);
  if (s.random_scaling > 0)
    problem = tasks::RandomScaling{.optimizee = problem, .range = s.random_scaling};
  if (s.convex_companion) problem = tasks::ConvexCompanion{.optimizee = problem};

  const Key key(in.common.seed);
  const auto make_trainer = [&](std::int64_t decay, std::vector<metalearn::RunStage> stages) {
    metalearn::UnrollTraining training{
        .steps = s.problem.steps,
        .window = s.unroll,
        .shortest = s.shortest,
        .curriculum = std::move(stages),
        .order = s.order == "exact" ? metalearn::Order::exact : metalearn::Order::first,
        .objective = objective_of(s.objective),
        .imitation = s.imitate,
        .teacher = teacher};
    metalearn::MetaObjective objective;
    try {
      objective =
          estimator
              ? metalearn::estimator_objective(
                    metalearn::minimisations(problem, optimizer,
                                             {.steps = s.problem.steps,
                                              .objective = metalearn::run_objective(s.objective)}),
                    *estimator)
              : metalearn::unroll_objective(problem, optimizer, std::move(training));
    } catch (const DataError& e) {
      throw UsageError(e.what());
    }
    return Trainer(std::move(objective), optimizer.phi(DType::f32),
                   {.optimizer = metalearn::Adam{.learning_rate = *s.learning_rate},
                    .schedule = schedule_of(decay),
                    .batch = s.meta_batch,
                    .clip = s.clip,
                    .clip_each = s.clip_each},
                   key, &threads);
  };

  // ---- how many meta-steps: as told, or planned from the time of the first ones
  Duration& duration = s.duration;
  if (!duration.count && !duration.minutes) duration.minutes = default_minutes;
  if (in.common.resume.empty() && !in.settings.given("meta-steps")) {
    Trainer timed = make_trainer(1, {});
    timed.measure_seconds(2);  // warm memory
    const double each = timed.measure_seconds(8);
    duration.count = planned_count(*duration.minutes, each, 1);
    in.console.note(fmt::format("planned: {} meta-steps in {:g} min ({:.3g} ms each)",
                                grouped(*duration.count), *duration.minutes, 1e3 * each));
  }
  const bool raised = !in.common.resume.empty() && raise_at_resume(duration, in, "meta-steps");
  const std::int64_t steps = *duration.count;
  if (!s.decay_steps) s.decay_steps = steps;
  if (!s.validate_every) s.validate_every = std::max<std::int64_t>(1, steps / validations);
  const std::vector<metalearn::RunStage> stages = stages_of(s.curriculum, steps);

  const StopGuard guard;
  RunFolder& folder = in.open_run();
  Trainer trainer = make_trainer(*s.decay_steps, stages);
  Best best;
  if (folder.has_checkpoint()) {
    const std::string file = folder.checkpoint().string();
    const nn::Checkpoint checkpoint = nn::load(file);
    trainer.restore(checkpoint, file);
    best = Best::of(checkpoint, file);
  }
  TrainingLog log(in, folder, trainer.steps_done(), grouped(trainer.steps_done()) + " meta-steps");
  if (raised) in.rewrite_config();

  // ---- the loop
  const std::int64_t first = trainer.steps_done();
  StepReport last;
  double diverged = 0;
  std::int64_t validated = 0;
  if (const Json* line = log.last_with("validation"))
    validated = line->at("step").get<std::int64_t>();
  const auto validate = [&](std::int64_t step) {
    const metalearn::Trial trial =
        metalearn::try_optimizer(optimizer.with_phi(trainer.phi()), fresh,
                                 {.steps = s.problem.steps,
                                  .instances = *s.validation_instances,
                                  .key = Key(in.common.seed).split("validation"),
                                  .threads = &threads,
                                  .stop = StopGuard::asked});
    if (StopGuard::asked()) return;
    const TrialSummary t = metalearn::summarise(trial);
    log.add(step, {{"validation", t.last5},
                   {"validation_ci95", t.last5_ci95},
                   {"validation_median", t.median},
                   {"validation_diverged", t.diverged}});
    if (score(t) < best.score) best = {trainer.phi(), score(t), step};
  };
  const auto save = [&] {
    std::map<std::string, std::string> metadata = best.metadata();
    metadata["optimizer"] = optimizer.spec();
    trainer.save(folder.checkpoint(), metadata, {best.phi.prefixed("best")});
    metalearn::save_optimizer(folder.path() / "optimizer.safetensors", optimizer,
                              best.phi.empty() ? trainer.phi() : best.phi);
  };
  const double seconds = duration.seconds_left(log.spent_before());
  LoopEnd end{};
  {
    Progress progress(in.console,
                      {.what = "meta-steps", .total = steps, .start = first, .seconds = seconds});
    end = metalearn::run(
        trainer, {.steps = steps,
                  .seconds = seconds,
                  .validate_every = *s.validate_every,
                  .validated = validated,
                  .validate_last = false,  // a run raised later has none at the old end
                  .save_every = s.save_every,
                  .report =
                      [&](const StepReport& r) {
                        last = r;
                        const double final = r.measures.at(0).second;
                        diverged += r.measures.at(1).second * s.meta_batch;
                        progress.update(r.step, {{"meta-loss", r.loss}, {"final", final}});
                        if (r.step % log_every != 0) return;
                        log.add(r.step, {{"meta_loss", r.loss},
                                         {"final", final},
                                         {"gradient_norm", r.gradient_norm},
                                         {"diverged", r.measures.at(1).second * s.meta_batch},
                                         {"learning_rate", *s.learning_rate * r.rate_scale}});
                      },
                  .validate = validate,
                  .save = save,
                  .stop = StopGuard::asked});
  }

  const bool chosen = std::isfinite(best.score);
  Json result{{"model", optimizer.spec()},
              {"optimizee", s.problem.optimizee},
              {"steps", s.problem.steps},
              {"meta_steps", trainer.steps_done()},
              {"planned_meta_steps", steps},
              {"meta_loss", last.step > 0 ? last.loss : std::nan("")},
              {"best_validation", chosen ? best.score : std::nan("")},
              {"best_meta_step", chosen ? Json(best.step) : Json(nullptr)},
              {"diverged", diverged},
              {"seconds_training", log.spent()},
              {"parameters", trainer.phi().size()}};
  if (in.common.memory)
    result["peak_tape_mib"] = memory_report(trainer.peak_tape_bytes(), in.console);
  if (end == LoopEnd::stopped) in.interrupted(std::move(result));

  draw_curves(folder, log, in.console);
  in.console.print(fmt::format(
      "trained {} by {} meta-steps on {} in {}{}\nsaved in {}\n", optimizer.name(),
      grouped(trainer.steps_done()), s.problem.optimizee, clock_text(log.spent()),
      chosen ? fmt::format("; best validation {:.4g}, at {}", best.score, grouped(best.step)) : "",
      folder.path().string()));
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli
