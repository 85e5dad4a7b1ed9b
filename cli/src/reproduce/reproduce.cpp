// reproduce.cpp: `metatape reproduce NAME`: an experiment of a paper rerun, by the program's own
// commands or as a study, and its numbers beside the paper's.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "../commands.hpp"
#include "../fewshot/setup.hpp"
#include "../figure.hpp"
#include "../invocation.hpp"
#include "../signals.hpp"
#include "../steps.hpp"
#include "experiments.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "metatape/tasks/images/one_shot.hpp"

namespace metatape::cli {

namespace {

namespace fs = std::filesystem;

const Experiment& experiment(const std::string& name) {
  std::vector<std::string> names;
  for (const Experiment& e : experiments()) {
    if (e.name == name) return e;
    names.push_back(e.name);
  }
  throw UsageError(unknown_name("experiment", name, names));
}

int list(Invocation& in) {
  std::string text;
  Json all = Json::array();
  for (const Experiment& e : experiments()) {
    text += fmt::format("{:<18} {}\n{:<18} {}\n", e.name, e.what, "", e.source);
    all.push_back({{"name", e.name}, {"what", e.what}, {"source", e.source}});
  }
  in.console.print(text);
  in.finish({{"experiments", std::move(all)}});
  return exit_done;
}

class Runner {
 public:
  Runner(Invocation& in, const fs::path& folder, std::string data, std::string task)
      : in_(in), folder_(folder), data_(std::move(data)), task_(std::move(task)) {}

  // Runs a step, goes on with it where it was interrupted, or takes what it left when it ended.
  Json run(const ExperimentStep& step, std::vector<std::string> typed) {
    const fs::path place = folder_ / step.name;
    const fs::path ended = folder_ / (step.name + ".json");
    if (const auto known = result_of(ended)) return *known;
    for (std::string& word : typed) word = filled(word);
    const bool resume = typed[1] == "train" && fs::exists(place / "config.toml");
    if (resume)
      typed = {typed[0], typed[1], "--resume", place.string()};
    else
      typed.insert(typed.end(),
                   {"--out", place.string(), "--force", "--seed", std::to_string(in_.common.seed)});
    typed.insert(typed.end(), {"--json", ended.string()});
    run_step(in_, std::move(typed));
    const auto result = result_of(ended);
    if (!result) throw DataError(fmt::format("{}: no result in it", ended.string()));
    return *result;
  }

 private:
  [[nodiscard]] std::string filled(const std::string& word) const {
    if (word == "{data}") return data_;
    if (word == "{task}") return task_;
    if (word.size() > 2 && word.front() == '{' && word.back() == '}')
      return (folder_ / word.substr(1, word.size() - 2)).string();
    return word;
  }

  Invocation& in_;
  fs::path folder_;
  std::string data_, task_;
};

std::string number(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}g}", value, digits) : "-";
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// What stands there, times the row's factor; NaN where nothing does.
double at(const Json& result, const std::string& pointer, double factor) {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  if (pointer.empty()) return nothing;
  const Json& value = result.at(Json::json_pointer(pointer));
  return value.is_number() ? factor * value.get<double>() : nothing;
}

// The rows of an experiment's steps, and its figure.
StudyResult read_off(const Experiment& e,
                     const std::vector<std::pair<std::string, Json>>& results) {
  StudyResult found;
  Series paper{.name = "paper"}, here{.name = "measured here"};
  Figure figure{.title = e.name, .y_label = e.unit};
  for (const ExperimentRow& r : e.rows) {
    const auto result = std::ranges::find(results, r.step, &std::pair<std::string, Json>::first);
    if (result == results.end()) continue;  // not of this scale
    const double value = at(result->second, r.value, r.factor);
    const double interval = at(result->second, r.interval, r.factor);
    found.rows.push_back({r.what, r.paper, value, interval});
    figure.categories.push_back(r.what);
    paper.y.push_back(r.paper.value_or(std::nan("")));
    const double half = std::isfinite(interval) ? interval : 0;
    here.y.push_back(value);
    here.low.push_back(value - half);
    here.high.push_back(value + half);
  }
  figure.series = {paper, here};
  found.figures.emplace_back(e.name, std::move(figure));
  return found;
}

}  // namespace

int reproduce(Invocation& in) {
  std::string name, scale = "small", data, task;
  bool only_list = false;
  in.settings.add("name", name, "which experiment", {.value_name = "NAME", .positional = true});
  in.settings.add("scale", scale, "minutes, or the length that the figures need",
                  {.choices = {"small", "paper"}});
  in.settings.add("list", only_list, "what there is", {.result = false});
  in.settings.add("data", data, "where MNIST or Omniglot lies: mnist:PATH, omniglot:PATH",
                  {.value_name = "SPEC",
                   .default_text = "METATAPE_DATA",
                   .canonical = [](const std::string& spec) {
                     return spec.empty() ? spec : tasks::parse_data(spec).text();
                   }});
  in.settings.add("task", task, "one-shot-challenge: all_runs.zip of Omniglot, or its folder",
                  {.value_name = "PATH", .default_text = "METATAPE_DATA/omniglot/all_runs.zip"});
  in.take({.seed = true, .threads = true, .run = true, .profile = true});
  in.parse();
  if (only_list) return list(in);
  if (name.empty()) throw UsageError("reproduce needs a NAME; see metatape reproduce --list");
  const Experiment& e = experiment(name);
  if (!e.data.empty() && data.empty()) data = tasks::parse_data(e.data).text();
  if (e.task) {
    if (task.empty()) task = default_one_shot_task();
    if (task.empty())
      throw UsageError(e.name + " needs --task PATH (all_runs.zip), or METATAPE_DATA set");
    task = fs::absolute(task).lexically_normal().string();
    (void)tasks::read_one_shot_task(task);  // broken, it is said now, not after an hour
  }

  const RunFolder& folder = in.open_run();
  in.console.note(fmt::format("{}: {}. {}", e.name, e.what, e.note));
  StudyResult found;
  try {
    if (e.study) {
      const StopGuard guard;
      Threads threads(in.common.threads);
      found = e.study({.paper = scale == "paper",
                       .seed = in.common.seed,
                       .data = data,
                       .threads = threads,
                       .console = in.console});
    } else {
      Runner runner(in, folder.path(), data, task);
      std::vector<std::pair<std::string, Json>> results;
      for (const ExperimentStep& step : e.steps)
        if (const auto& words = scale == "paper" ? step.paper : step.small; !words.empty())
          results.emplace_back(step.name, runner.run(step, words));
      found = read_off(e, results);
    }
  } catch (const Interrupted&) {
    in.interrupted({{"experiment", e.name}, {"scale", scale}, {"source", e.source}});
  }

  Table table({"", "paper says", "measured here", "95 %"});
  Json rows = Json::array();
  const int digits = e.study ? 6 : 3;  // a study may be held to closed forms
  for (const StudyRow& r : found.rows) {
    table.row({r.what, r.paper ? number(*r.paper, digits) : "-", number(r.measured, digits),
               std::isfinite(r.ci95) ? "± " + number(r.ci95, 3) : "-"});
    rows.push_back({{"what", r.what},
                    {"paper", r.paper ? Json(*r.paper) : Json(nullptr)},
                    {"measured", finite(r.measured)},
                    {"ci95", finite(r.ci95)}});
  }
  for (const auto& [file, figure] : found.figures)
    write_figure(figure, folder.figures(), file, in.console);
  in.console.print(
      fmt::format("{} ({}), scale {}\n{}\n{}\n", e.name, e.source, scale, table.text(), e.note));
  in.finish({{"experiment", e.name}, {"scale", scale}, {"source", e.source}, {"rows", rows}});
  return exit_done;
}

}  // namespace metatape::cli
