#include "setup.hpp"

#include <fmt/format.h>

#include "../progress.hpp"
#include "../signals.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/tasks/images/data_spec.hpp"

namespace metatape::cli {

void ProblemSettings::declare(Settings& settings) {
  settings.section("Problem");
  settings.add("optimizee", optimizee, "what is minimised; see metatape optimizer list",
               {.value_name = "NAME:KEY=VALUE,..."});
  settings.add("data", data, "where data=... of a classifier lies: mnist:PATH, cifar10:PATH, ...",
               {.value_name = "SPEC",
                .default_text = "METATAPE_DATA",
                .canonical = [](const std::string& spec) {
                  return spec.empty() ? spec : tasks::parse_data(spec).text();
                }});
  settings.add("steps", steps, "updates of a run", {.least = 1, .most = 1e8});
}

void ProblemSettings::declare_instances(Settings& settings) {
  settings.add("instances", instances, "fresh instances to be tried on", {.least = 1, .most = 1e7});
}

tasks::AnyOptimizee ProblemSettings::make(tasks::Purpose purpose) const {
  return tasks::make_optimizee(optimizee, {.data = data, .purpose = purpose, .images = images_});
}

Key tuning_key(std::uint64_t seed) { return Key(seed).split("tuning"); }
Key evaluation_key(std::uint64_t seed) { return Key(seed).split("evaluation"); }

std::vector<std::string> split_optimizers(const std::string& list) {
  std::vector<std::string> specs;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::string word = list.substr(at, end - at);
    // "key=value" goes on with the optimizer before it
    if (!specs.empty() && word.find(':') == std::string::npos &&
        word.find('=') != std::string::npos)
      specs.back() += "," + word;
    else if (!word.empty())
      specs.push_back(word);
    at = end + 1;
  }
  return specs;
}

metalearn::AnyOptimizer hand_crafted(const std::string& spec) {
  try {
    return metalearn::optimizer_by_name(spec);
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

metalearn::Tuning tune(const std::string& spec, const ProblemSettings& problem, int instances,
                       std::uint64_t seed, Threads& threads, Console& console) {
  static_cast<void>(hand_crafted(spec));
  const tasks::AnyOptimizee optimizee = problem.make(tasks::Purpose::tune);
  int rates = 0;
  std::int64_t before = 0;
  const StopGuard guard;
  Progress progress(console, {.what = "runs of " + spec});
  metalearn::TuneOptions options;
  options.trial = {.steps = problem.steps,
                   .instances = instances,
                   .key = tuning_key(seed),
                   .threads = &threads,
                   .stop = StopGuard::asked,
                   .progress = [&](int done) { progress.update(before + done); }};
  options.trying = [&](double) { before = std::int64_t{instances} * rates++; };
  metalearn::Tuning tuning = metalearn::tune_learning_rate(spec, optimizee, options);
  if (StopGuard::asked()) throw Interrupted("interrupted; nothing was saved");
  return tuning;
}

Json numbers_of(const metalearn::TrialSummary& s) {
  return {{"final_mean", s.mean},
          {"final_ci95", s.ci95},
          {"final_median", s.median},
          {"final_low", s.low},
          {"final_high", s.high},
          {"last5_mean", s.last5},
          {"last5_ci95", s.last5_ci95},
          {"sum_mean", s.sum},
          {"functions", s.functions},
          {"diverged", s.diverged},
          {"first_divergence", s.first_divergence < 0 ? Json(nullptr) : Json(s.first_divergence)}};
}

Series curve_of(const std::string& name, const metalearn::Trial& trial) {
  Series series{.name = name};
  for (int t = 0; t <= trial.steps; ++t) {
    const metalearn::TrialSummary s = metalearn::summarise(trial, t);
    series.x.push_back(t);
    series.y.push_back(s.mean);
    series.low.push_back(s.low);
    series.high.push_back(s.high);
  }
  return series;
}

}  // namespace metatape::cli
