// oneshot.cpp: `metatape fewshot oneshot`: Lake's one-shot classification task.
#include <fmt/format.h>

#include <cstdlib>

#include "../commands.hpp"
#include "../signals.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

std::string default_task() {
  const char* data = std::getenv("METATAPE_DATA");
  return data ? (std::filesystem::path(data) / "omniglot" / "all_runs.zip").string() : "";
}

}  // namespace

int fewshot_oneshot(Invocation& in) {
  FewShotSettings s;
  std::string run, task_path = default_task();
  std::optional<std::string> untrained;
  in.settings.add("run", run, "a run of `fewshot train`", {.value_name = "DIR"});
  in.settings.add("learner", untrained, "without --run: one that needs no training",
                  {.choices = {"nearest", "nearest-centred", "hausdorff"}});
  in.settings.add("task", task_path, "all_runs.zip of Omniglot, or its unpacked folder",
                  {.value_name = "PATH", .default_text = "METATAPE_DATA/omniglot/all_runs.zip"});
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.seed = true, .threads = true, .out = true});
  in.parse();
  if (run.empty() == !untrained)
    throw UsageError(
        run.empty() ? "oneshot needs --run DIR, or --learner nearest, nearest-centred or hausdorff"
                    : "--run says who the learner is: leave out --learner");
  if (task_path.empty())
    throw UsageError("oneshot needs --task PATH (all_runs.zip), or METATAPE_DATA set");

  Threads threads(in.common.threads);
  const tasks::OneShotTask task = tasks::read_one_shot_task(task_path);
  std::string name = untrained.value_or("");
  bool transductive = false;
  std::vector<double> errors;
  if (!run.empty()) {
    const LoadedRun loaded = load_run(in, s, run);
    require_channels(loaded, *task.set);
    in.open_out();
    name = loaded.learner.name();
    transductive = loaded.learner.transductive();
    errors = metalearn::one_shot_errors(
        task, {.size = image_size, .centre = loaded.recipe.centre},
        metalearn::one_shot_learner(loaded.learner, loaded.trained, &threads));
  } else if (in.open_out(); untrained == "hausdorff") {
    errors = tasks::hausdorff_errors(task, &threads);
  } else {
    errors = metalearn::one_shot_errors(
        task, {.size = image_size, .centre = untrained == "nearest-centred"},
        metalearn::one_shot_pixels());
  }

  double mean = 0;
  Table table({"run", "error"});
  for (std::size_t r = 0; r < errors.size(); ++r) {
    mean += errors[r] / static_cast<double>(errors.size());
    table.row({task.runs[r].name, fmt::format("{:g} %", errors[r])});
  }
  if (in.common.verbose) in.console.print(table.text());
  in.console.print(fmt::format("{}: {:.2f} % errors, mean of {} runs of {}-way one-shot\n", name,
                               mean, errors.size(),
                               task.runs.empty() ? 0 : task.runs[0].training.size()));
  in.finish({{"learner", name},
             {"error_percent", mean},
             {"runs", errors},
             {"transductive", transductive}});
  return exit_done;
}

}  // namespace metatape::cli
