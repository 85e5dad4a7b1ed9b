// eval.cpp: `metatape optimizer eval`: a learned optimizer against hand-crafted ones that were
// tuned for as many steps, on instances that none of them saw.
#include <fmt/format.h>

#include <cmath>

#include "../commands.hpp"
#include "../progress.hpp"
#include "../signals.hpp"
#include "learned.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-";
}

struct Contender {
  std::string name;
  metalearn::AnyOptimizer optimizer;
  std::optional<metalearn::Tuning> tuning{};
};

}  // namespace

int optimizer_eval(Invocation& in) {
  ProblemSettings problem;
  std::string run, against = "sgd,momentum,nesterov,rmsprop,adam";
  std::optional<int> tune_instances;
  in.settings.add("run", run, "a run of `optimizer train`, or its checkpoint; empty: rivals alone",
                  {.value_name = "DIR|FILE"});
  problem.declare(in.settings);
  problem.declare_instances(in.settings);
  in.settings.section("Rivals");
  in.settings.add("against", against,
                  "hand-crafted optimizers; one without learning_rate is tuned for as many steps",
                  {.value_name = "NAME,..."});
  in.settings.add(
      "tune-instances", tune_instances,
      "instances that rates are tuned on; too few miss that a rate diverges now and then",
      {.least = 1, .most = 1e7, .default_text = "as many as --instances"});
  in.take({.seed = true, .threads = true, .out = true, .profile = true});
  in.parse();
  if (!tune_instances) tune_instances = problem.instances;
  const std::vector<std::string> rivals = split_optimizers(against);
  for (const std::string& spec : rivals) static_cast<void>(hand_crafted(spec));
  if (rivals.empty() && run.empty())
    throw UsageError("eval needs --run DIR, or rivals to be tried (--against)");
  std::vector<Contender> contenders;
  if (!run.empty()) contenders.push_back({"learned", load_learned(run)});
  const tasks::AnyOptimizee optimizee = problem.make(tasks::Purpose::evaluate);
  RunFolder* out = in.open_out();

  Threads threads(in.common.threads);
  for (const std::string& spec : rivals) {
    if (metalearn::has_learning_rate(spec)) {
      contenders.push_back({spec, hand_crafted(spec)});
      continue;
    }
    in.console.detail("tuning " + spec);
    const metalearn::Tuning t =
        tune(spec, problem, *tune_instances, in.common.seed, threads, in.console);
    contenders.push_back({spec, hand_crafted(t.spec), t});
    if (t.at_edge)
      in.console.warn(fmt::format("{}: its best learning rate, {:g}, lies at the edge of the grid",
                                  spec, t.best));
  }

  Table table(
      {"", "learning rate", "final mean", "95 %", "median", "90 %", "last 5", "sum", "diverged"});
  Json results = Json::object();
  Figure figure{.title = fmt::format("{}, mean of {} instances", problem.optimizee,
                                     grouped(problem.instances)),
                .x_label = "step",
                .y_label = "loss",
                .log_y = true};
  const StopGuard guard;
  for (const Contender& c : contenders) {
    metalearn::Trial trial;
    {
      Progress progress(in.console, {.what = "runs of " + c.name, .total = problem.instances});
      trial = metalearn::try_optimizer(c.optimizer, optimizee,
                                       {.steps = problem.steps,
                                        .instances = problem.instances,
                                        .key = evaluation_key(in.common.seed),
                                        .threads = &threads,
                                        .stop = StopGuard::asked,
                                        .progress = [&](int done) { progress.update(done); }});
    }
    if (StopGuard::asked()) throw Interrupted("interrupted; nothing was saved");
    const metalearn::TrialSummary s = metalearn::summarise(trial);
    table.row(
        {c.name, c.tuning ? fmt::format("{:g}", c.tuning->best) : "", number(s.mean),
         std::isfinite(s.ci95) ? "± " + number(s.ci95) : "-", number(s.median), number(s.high),
         number(s.last5), number(s.sum),
         s.diverged > 0 ? fmt::format("{} from step {}", s.diverged, s.first_divergence) : ""});
    Json entry = Json::object();
    if (c.tuning) {
      Json grid = Json::array();
      for (const auto& [rate, at] : c.tuning->grid) {
        Json point{{"learning_rate", rate}};
        point.update(numbers_of(at));
        grid.push_back(std::move(point));
      }
      entry = {{"learning_rate", c.tuning->best},
               {"at_grid_edge", c.tuning->at_edge},
               {"grid", std::move(grid)}};
    }
    entry.update(numbers_of(s));
    results[c.name] = std::move(entry);
    figure.series.push_back(curve_of(c.name, trial));
  }
  in.console.print(fmt::format("{}, {} steps, {} instances\n", problem.optimizee, problem.steps,
                               grouped(problem.instances)));
  in.console.print(table.text());
  if (out) write_figure(figure, out->figures(), "curves", in.console);
  in.finish({{"optimizee", problem.optimizee},
             {"steps", problem.steps},
             {"instances", problem.instances},
             {"optimizers", std::move(results)}});
  return exit_done;
}

}  // namespace metatape::cli
