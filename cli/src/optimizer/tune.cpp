// tune.cpp: `metatape optimizer tune`: the best learning rate of a hand-crafted optimizer, and the
// grid it was found on.
#include <fmt/format.h>

#include "../commands.hpp"
#include "setup.hpp"

namespace metatape::cli {

int optimizer_tune(Invocation& in) {
  ProblemSettings problem;
  std::string optimizer = "adam";
  problem.declare(in.settings);
  problem.declare_instances(in.settings);
  in.settings.add("optimizer", optimizer, "whose learning rate is sought",
                  {.value_name = "NAME:KEY=VALUE,..."});
  in.take({.seed = true, .threads = true, .out = true, .profile = true});
  in.parse();
  if (metalearn::has_learning_rate(optimizer))
    throw UsageError(fmt::format("--optimizer {}: its learning_rate is what is sought", optimizer));
  RunFolder* out = in.open_out();

  Threads threads(in.common.threads);
  const metalearn::Tuning tuning =
      tune(optimizer, problem, problem.instances, in.common.seed, threads, in.console);
  Table table({"learning rate", "last 5", "final mean", "median", "diverged", ""});
  table.left(5);
  Json grid = Json::array();
  Series curve{.name = optimizer};
  for (const auto& [rate, s] : tuning.grid) {
    table.row({fmt::format("{:g}", rate), fmt::format("{:.4g}", s.last5),
               fmt::format("{:.4g}", s.mean), fmt::format("{:.4g}", s.median),
               s.diverged > 0 ? std::to_string(s.diverged) : "",
               rate == tuning.best ? "best" : ""});
    Json point{{"learning_rate", rate}};
    point.update(numbers_of(s));
    grid.push_back(std::move(point));
    if (s.diverged > 0) continue;
    curve.x.push_back(rate);
    curve.y.push_back(s.last5);
  }
  in.console.print(table.text());
  in.console.print(
      fmt::format("{} on {}, {} steps, {} instances: the least mean of the last five losses\n",
                  tuning.spec, problem.optimizee, problem.steps, problem.instances));
  if (tuning.at_edge)
    in.console.warn("the best rate lies at the edge of the grid: the true best may lie beyond it");
  if (out)
    write_figure({.title = "Learning rate of " + optimizer,
                  .x_label = "learning rate",
                  .y_label = "mean of the last five losses",
                  .log_x = true,
                  .log_y = true,
                  .series = {curve}},
                 out->figures(), "learning-rate", in.console);
  in.finish({{"optimizee", problem.optimizee},
             {"optimizer", optimizer},
             {"steps", problem.steps},
             {"instances", problem.instances},
             {"best", tuning.best},
             {"at_grid_edge", tuning.at_edge},
             {"grid", std::move(grid)}});
  return exit_done;
}

}  // namespace metatape::cli
