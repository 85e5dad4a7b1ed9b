// oneshot.cpp: `metatape fewshot oneshot`: Lake's one-shot classification task.
#include <fmt/format.h>

#include <algorithm>

#include "../commands.hpp"
#include "../signals.hpp"
#include "judge.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"

namespace metatape::cli {

namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// "5 0 12.5 ..."
std::string listed(const std::vector<double>& errors) {
  std::string text;
  for (const double e : errors) text += fmt::format("{}{:g}", text.empty() ? "" : " ", e);
  return text;
}

// The errors of a run by one path, and how many test images the other path answers otherwise.
struct Outcome {
  std::vector<double> errors;
  int otherwise = 0;
};
Outcome ask(const tasks::OneShotTask& task, const LoadedRun& run, Threads& threads,
            Console& console) {
  tasks::OneShotTask own = task;
  own.set = as_trained(run, task.set, console);
  const tasks::RenderOptions render{.size = image_size, .centre = run.recipe.centre};
  const auto together = metalearn::one_shot_learner(run.learner, run.trained, &threads);
  const auto alone = metalearn::one_shot_learner(run.learner, run.trained, &threads,
                                                 metalearn::OneShotPath::one_by_one);
  Outcome outcome;
  outcome.errors =
      metalearn::one_shot_errors(own, render, [&](const Tensor& training, const Tensor& test) {
        const std::vector<int> answers = together(training, test);
        const std::vector<int> again = alone(training, test);
        for (std::size_t i = 0; i < answers.size(); ++i)
          outcome.otherwise += answers[i] != again.at(i);
        return answers;
      });
  return outcome;
}

}  // namespace

int fewshot_oneshot(Invocation& in) {
  FewShotSettings s;
  std::string run, task_path = default_one_shot_task();
  std::optional<std::string> baseline;
  in.settings.add("run", run, "a run of `fewshot train`, or a folder of its seed-* runs",
                  {.value_name = "DIR"});
  in.settings.add("learner", baseline, "without --run: one that needs no training",
                  {.choices = untrained_names()});
  in.settings.add("task", task_path, "all_runs.zip of Omniglot, or its unpacked folder",
                  {.value_name = "PATH", .default_text = "METATAPE_DATA/omniglot/all_runs.zip"});
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.seed = true, .threads = true, .out = true, .profile = true});
  in.parse();
  if (run.empty() == !baseline)
    throw UsageError(
        run.empty() ? "oneshot needs --run DIR, or --learner nearest, nearest-centred or hausdorff"
                    : "--run says who the learner is: leave out --learner");
  if (task_path.empty())
    throw UsageError("oneshot needs --task PATH (all_runs.zip), or METATAPE_DATA set");

  Threads threads(in.common.threads);
  const tasks::OneShotTask task = tasks::read_one_shot_task(task_path);
  const Judged who = run.empty() ? untrained(*baseline) : open_judged(run, s.statistics);
  for (const LoadedRun& one : who.runs)
    for (const tasks::OneShotRun& r : task.runs)
      require_way(one.learner, static_cast<int>(r.training.size()));
  in.open_out();

  std::vector<std::vector<double>> errors;  // of each seed, of each run of the task
  int otherwise = 0;
  if (baseline == "hausdorff") {
    errors.push_back(tasks::hausdorff_errors(task, &threads));
  } else if (baseline) {
    errors.push_back(metalearn::one_shot_errors(
        task, {.size = image_size, .centre = baseline == "nearest-centred"},
        metalearn::one_shot_pixels()));
  }
  for (const LoadedRun& one : who.runs) {
    Outcome outcome = ask(task, one, threads, in.console);
    errors.push_back(std::move(outcome.errors));
    otherwise += outcome.otherwise;
  }
  if (otherwise > 0)
    in.console.warn(fmt::format(
        "{} test images are answered otherwise when images come one at a time", otherwise));

  std::vector<double> means, by_run(task.runs.size());
  for (const auto& of_seed : errors) {
    means.push_back(mean_of(of_seed));
    for (std::size_t r = 0; r < by_run.size(); ++r)
      by_run[r] += of_seed[r] / static_cast<double>(errors.size());
  }
  const double mean = mean_of(means);
  const auto [low, high] = std::ranges::minmax(means);
  std::string words;
  Json seeds = Json::array();
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const std::string which =
        who.seeds ? fmt::format("seed {}, {:.2f} %: ", who.runs[i].seed, means[i]) : "";
    words += fmt::format("{}% errors of each run: {}\n", which, listed(errors[i]));
    if (who.seeds)
      seeds.push_back({{"run", who.runs[i].folder},
                       {"seed", who.runs[i].seed},
                       {"error_percent", means[i]},
                       {"runs", errors[i]}});
  }
  words += fmt::format("{}{}: {:.2f} % errors, mean of {} runs of {}-way one-shot", who.learner(),
                       who.transductive() ? " (transductive, images one at a time)" : "", mean,
                       task.runs.size(), task.runs.empty() ? 0 : task.runs[0].training.size());
  if (who.seeds)
    words += fmt::format(" and {} seeds ({:.2f} to {:.2f} %)", errors.size(), low, high);
  in.console.print(words + "\n");

  Json result{{"learner", who.learner()},
              {"error_percent", mean},
              {"runs", by_run},
              {"transductive", who.transductive()},
              {"trained", training_json(who)},
              {"one_at_a_time_differences", who.trained() ? Json(otherwise) : Json(nullptr)}};
  if (who.seeds) {
    result["seeds"] = std::move(seeds);
    result["seed_low"] = low;
    result["seed_high"] = high;
  }
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli
