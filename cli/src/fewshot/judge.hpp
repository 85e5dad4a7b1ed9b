// judge.hpp: who is judged and how: runs, the runs of several seeds, and baselines, all on the very
// same episodes. Each run renders an episode in its own way (ink centred or not, grey or colour);
// which images it is made of depends on none of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "setup.hpp"

namespace metatape::cli {

/// Learners that need no training, as --learner and --runs name them.
const std::vector<std::string>& untrained_names();

struct Judged {
  std::string name;               ///< the run's folder as typed, or the baseline's name
  std::vector<LoadedRun> runs{};  ///< one, or one a seed; none: a baseline
  bool seeds = false;             ///< the folder held seed-* runs

  [[nodiscard]] bool trained() const { return !runs.empty(); }
  [[nodiscard]] std::string learner() const { return trained() ? runs[0].learner.name() : name; }
  [[nodiscard]] bool transductive() const { return trained() && runs[0].learner.transductive(); }
};

/// A baseline of this name. UsageError for an unknown one.
Judged untrained(const std::string& name);
/// The run in a folder, or those of its seeds. Errors as load_run.
Judged open_judged(const std::string& folder, const std::optional<std::string>& statistics);

struct Verdict {
  metalearn::Evaluation over_episodes{};  ///< of seeds: of their mean in each episode
  std::vector<double> seeds{};            ///< accuracy of each; one where there is one run
  std::vector<double> seeds_ci95{};

  [[nodiscard]] double lowest() const;
  [[nodiscard]] double highest() const;
};

/// "± 0.45 %", with the range over seeds behind it where there are several; "-" of one episode.
std::string interval_text(const Verdict& verdict);
/// A baseline's or learner's numbers for the summary: accuracy, ci95 and, of seeds, `seeds`,
/// `seed_low`, `seed_high`.
Json verdict_json(const Judged& who, const Verdict& verdict);
/// How a run was trained, for the summary; null for a baseline.
Json training_json(const Judged& who);
/// The same in a line: "strokes:..., 20-way 1-shot, 5 queries, 1,317 episodes, seed 1".
std::string training_text(const Judged& who);

/// What is asked besides way and shot, in two lines: episodes, split and kind; data and seed.
std::string episodes_text(const FewShotSettings& s, const tasks::Split& split, int episodes,
                          const std::string& data, std::uint64_t seed);
/// The same for the summary.
Json episodes_json(const FewShotSettings& s, const tasks::Split& split, int episodes,
                   const std::string& data, std::uint64_t seed);

class Judge {
 public:
  using Observe = std::function<void(const tasks::EpisodePlan&, const metalearn::EpisodeAnswers&)>;

  Judge(const tasks::Split& split, int episodes, std::uint64_t seed, Threads& threads,
        Console& console);

  [[nodiscard]] const tasks::Split& split() const { return split_; }
  [[nodiscard]] int episodes() const { return episodes_; }

  /// The episodes themselves, rendered plainly; --verbose names the classes that are left out.
  /// UsageError when the split cannot give them.
  [[nodiscard]] std::shared_ptr<const tasks::EpisodeSampler> sampler(
      const FewShotSettings& episodes) const;
  /// Judges `who` on the episodes of these settings; `observe` sees the answers, of each run in
  /// turn. A run that embeds images alone embeds those of the split once, however often it is
  /// asked. UsageError when its head does not fit the way; Interrupted after a signal.
  Verdict operator()(const Judged& who, const FewShotSettings& episodes,
                     const Observe& observe = {});

 private:
  metalearn::Evaluation one(const Judged& who, const LoadedRun* run,
                            const FewShotSettings& episodes, const Observe& observe);

  tasks::Split split_;
  int episodes_;
  std::uint64_t seed_;
  Threads& threads_;
  Console& console_;
  Console quiet_{{.quiet = true}};  // sampler() alone names what is left out
  std::map<std::string, std::shared_ptr<const metalearn::EmbeddedSplit>> embedded_;  // by folder
};

/// How many classes of a split a run was trained on: those of its own training split that have the
/// same name and the same first image. Reads the run's data where it is another than `data`; -1
/// when that cannot be read.
int classes_trained_on(const LoadedRun& run, const tasks::Split& judged, const std::string& data,
                       Threads& threads, Console& console);
/// A warning for each run that was trained on classes that are judged here as if it had not been,
/// unless the split is one of training; the largest number of such classes, -1 when not known.
int warn_of_trained_classes(const Judged& who, const tasks::Split& judged, const std::string& data,
                            Threads& threads, Console& console);

/// The images of a set as a run takes them: colour turned grey or the reverse where it was trained
/// on the other, which --verbose says.
std::shared_ptr<const tasks::ImageSet> as_trained(const LoadedRun& run,
                                                  const std::shared_ptr<const tasks::ImageSet>& set,
                                                  Console& console);

}  // namespace metatape::cli
