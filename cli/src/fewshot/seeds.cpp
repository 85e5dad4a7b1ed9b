#include "seeds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../signals.hpp"
#include "../steps.hpp"

namespace metatape::cli {

namespace {

namespace fs = std::filesystem;

// Nothing is left to do for it: it came to the end that is asked for now.
bool ended(const fs::path& run, const Duration& duration) {
  const fs::path config = run / "config.toml";
  if (!result_of(run / "summary.json") || number_in(config, "minutes") != duration.minutes)
    return false;
  return !duration.count || number_in(config, "episodes") == static_cast<double>(*duration.count);
}

// The seeds that came to their end, mean and range of their validation accuracies.
struct Group {
  Json runs = Json::array();
  std::vector<double> accuracies{};

  void add(std::uint64_t seed, const fs::path& run, const Json& result) {
    const Json& accuracy = result.at("validation_accuracy");
    if (accuracy.is_number()) accuracies.push_back(accuracy.get<double>());
    runs.push_back({{"seed", seed},
                    {"run", run.string()},
                    {"episodes", result.at("episodes")},
                    {"validation_accuracy", accuracy}});
  }
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double a : accuracies) sum += a;
    return sum / static_cast<double>(accuracies.size());  // of none: not a number
  }
  [[nodiscard]] double least() const {
    return accuracies.empty() ? std::nan("") : *std::ranges::min_element(accuracies);
  }
  [[nodiscard]] double most() const {
    return accuracies.empty() ? std::nan("") : *std::ranges::max_element(accuracies);
  }
  [[nodiscard]] Json result(const FewShotSettings& s) const {
    return {{"learner", s.learner},          {"recipe", s.recipe},
            {"validation_accuracy", mean()}, {"validation_low", least()},
            {"validation_high", most()},     {"validation_way", s.way},
            {"validation_shot", s.shot},     {"runs", runs}};
  }
};

}  // namespace

int train_seeds(Invocation& in, FewShotSettings& s, int seeds, double save_every) {
  Duration& duration = s.duration;
  bool changed = false;
  if (!in.common.resume.empty()) {
    const fs::path config = fs::path(in.common.resume) / "config.toml";
    if (number_in(config, "seeds").value_or(0) < 1)
      throw UsageError(
          fmt::format("--seeds {}: {} is the run of one seed", seeds, in.common.resume));
    changed = in.settings.origin("seeds") == Origin::command_line;
    if (duration.count) changed = raise_at_resume(duration, in, "episodes") || changed;
  } else if (!s.decay_episodes) {
    s.decay_episodes = duration.count;
  }

  const StopGuard guard;
  const RunFolder& folder = in.open_run();
  if (changed) in.rewrite_config();
  Group group;
  for (int n = 0; n < seeds; ++n) {
    const std::uint64_t seed = in.common.seed + static_cast<std::uint64_t>(n);
    const fs::path run = folder.path() / fmt::format("seed-{}", seed);
    const bool begun = folder.resumed() && fs::exists(run / "config.toml");
    if (!begun || !ended(run, duration)) {
      std::vector<std::string> words{"fewshot", "train"};
      const auto add = [&](std::initializer_list<std::string> more) {
        words.insert(words.end(), more);
      };
      if (begun)
        add({"--resume", run.string()});
      else
        add({"--config", folder.config().string(), "--seeds", "0", "--seed", std::to_string(seed),
             "--out", run.string(), "--force"});
      if (duration.count) add({"--episodes", std::to_string(*duration.count)});
      if (duration.minutes) add({"--minutes", fmt::format("{}", *duration.minutes)});
      add({"--save-every", fmt::format("{}", save_every)});
      if (in.common.memory) add({"--memory"});
      try {
        run_step(in, std::move(words));
      } catch (const Interrupted&) {
        in.interrupted(group.result(s));
      }
    }
    if (!duration.count) {
      for (const auto& [to, key] :
           {std::pair{&duration.count, "episodes"}, std::pair{&s.decay_episodes, "decay-episodes"}})
        *to = static_cast<std::int64_t>(number_in(run / "config.toml", key).value());
      in.rewrite_config();
    }
    group.add(seed, run, result_of(run / "summary.json").value());
  }

  Table table({"seed", "validation"});
  for (const Json& run : group.runs) {
    const Json& accuracy = run["validation_accuracy"];
    table.row({run["seed"].dump(), accuracy.is_number() ? percent(accuracy.get<double>()) : "-"});
  }
  in.console.print(table.text());
  in.console.print(fmt::format("{}, {}-way {}-shot: mean of {} seeds {}, {} to {}\n", s.learner,
                               s.way, s.shot, seeds, percent(group.mean()), percent(group.least()),
                               percent(group.most())));
  in.finish(group.result(s));
  return exit_done;
}

}  // namespace metatape::cli
