// setup.hpp: what the commands of `fewshot` have in common: the settings of a run, and from them
// the data, the learner and the episodes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "../duration.hpp"
#include "../invocation.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/fewshot/evaluate.hpp"
#include "metatape/metalearn/fewshot/recipe.hpp"
#include "metatape/tasks/episodes/split.hpp"
#include "metatape/tasks/images/data_spec.hpp"

namespace metatape::cli {

/// As the user gives them; what is left out comes from the recipe (fill()).
struct FewShotSettings {
  std::string learner = "prototypical", recipe = "measured";
  int way = 5, shot = 1, query = 15;
  bool within_alphabet = false;

  std::optional<int> train_way, train_shot, train_query, filters, meta_batch, inner_steps,
      test_steps, inner_batch, test_batch, solver_steps;
  std::optional<double> train_within, scale, learning_rate, inner_rate, proximal, clip;
  std::optional<bool> fce, vary_shot, rotations, augment, centre, learned_rates;
  std::optional<std::string> network, pairing, statistics, schedule, order, adapts;

  std::string test_alphabets, validation_alphabets;  // as --test-alphabets has them
  std::string split_by = "alphabet";

  Duration duration;  ///< in episodes
  std::optional<std::int64_t> decay_episodes;

  /// The episodes of evaluation: `way`, `shot`, `query`.
  void declare_episodes(Settings& settings);
  /// Which classes train, validate and test.
  void declare_splits(Settings& settings);
  /// The learner and how it is trained; all of a run's settings with the two above.
  void declare_training(Settings& settings);

  /// The recipe with what was given put over it; the optionals then hold what it says.
  metalearn::FewShotRecipe fill();
  /// UsageError for an option on the command line that the learner would not look at.
  void refuse_unused(const Settings& settings) const;
};

/// Pixels a side of what the networks see.
inline constexpr int image_size = 28;

/// Reads `spec` and splits it. Names of alphabets that cannot be are a UsageError.
tasks::Splits read_splits(const FewShotSettings& settings, const std::string& spec,
                          Threads& threads, Console& console);
/// The same of a set that was read from `data`.
tasks::Splits split_set(const FewShotSettings& settings, const tasks::DataSpec& data,
                        std::shared_ptr<const tasks::ImageSet> set);
/// The split of this name: train, validation, test, all.
const tasks::Split& split_of(const tasks::Splits& splits, const std::string& name);

/// Episodes of evaluation on a split, from the seed alone. UsageError when it has too few classes
/// or images; classes and alphabets that are left out are named once, by --verbose.
std::shared_ptr<const tasks::EpisodeSampler> evaluation_episodes(const FewShotSettings& settings,
                                                                 const tasks::Split& split,
                                                                 bool centre, std::uint64_t seed,
                                                                 Console& console);

/// A finished or interrupted run, opened to be used.
struct LoadedRun {
  std::string folder;
  FewShotSettings settings{};  ///< as it was trained
  std::string data{};          ///< on what
  std::uint64_t seed = 0;
  std::int64_t episodes = 0;  ///< training episodes done
  metalearn::FewShotRecipe recipe{};
  metalearn::AnyLearner learner{};
  metalearn::Trained trained{};
  int channels = 1;
};
/// Reads RUN/config.toml and its checkpoint; `statistics` instead of its own where given. DataError
/// names the file and what is wrong; UsageError for a folder of another command.
LoadedRun load_run(const std::string& run, const std::optional<std::string>& statistics = {});
/// What `in` declares of the episodes, splits and data and was not given takes the run's value.
void take_open(Invocation& in, FewShotSettings& settings, const LoadedRun& run);
/// Both. UsageError when the run's learner does not fit the way that is then asked for.
LoadedRun load_run(Invocation& in, FewShotSettings& settings, const std::string& run);

/// Answers one small episode: whatever of a checkpoint's numbers does not fit the model (their
/// type, statistics that are missing or of another width) is a DataError that names `file`.
void require_fit(const metalearn::AnyLearner& learner, const metalearn::Trained& trained,
                 int channels, const std::string& file);

/// METATAPE_DATA/omniglot/all_runs.zip; empty where the variable is not set.
std::string default_one_shot_task();

/// UsageError unless the learner can tell so many classes apart.
void require_way(const metalearn::AnyLearner& learner, int way);

const char* text(metalearn::StatisticsFrom statistics);

}  // namespace metatape::cli
