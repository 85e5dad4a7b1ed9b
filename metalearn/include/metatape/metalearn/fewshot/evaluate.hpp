// evaluate.hpp: how good a learner is, and how sure of it we are.
// Episode e is the same for every learner (sampler.hpp), so accuracies can be compared pair by
// pair; the interval is over episodes, never over queries, since the queries of an episode hang
// together.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "metatape/metalearn/fewshot/learner.hpp"
#include "metatape/tasks/images/one_shot.hpp"

namespace metatape::metalearn {

/// A trained learner's numbers.
struct Trained {
  Params phi{};
  Params carry{};  ///< running statistics; empty where a learner keeps none
};

/// What is said of each query of an episode.
struct EpisodeAnswers {
  std::vector<int> labels{};
  Tensor probabilities{};  ///< [queries, way], rows sum to 1; empty from those that have none
};

/// The answers to a planned episode; `worker` numbers the calling worker of the team from 0, no two
/// calls at once have the same.
using Answers = std::function<EpisodeAnswers(const tasks::EpisodePlan& plan, int worker)>;

/// Each image of a split embedded once, by a learner that embeds images alone.
struct EmbeddedSplit {
  Tensor rows{};                      ///< [images, features]
  std::vector<std::int32_t> slots{};  ///< image id to its row, -1: not of the split

  /// The rows of these images of the split.
  [[nodiscard]] Indices positions(std::span<const int> images) const;
};
/// Of the sampler's split, rendered as the sampler renders. The same bits on any number of threads.
/// Throws DataError when the learner has no embedding of single images.
EmbeddedSplit embed_split(const AnyLearner& learner, const Trained& trained,
                          const tasks::EpisodeSampler& sampler, Threads* threads);

// ---- who answers. `threads` (may be null) must outlive the answers ------------------------------

/// A learner, with probabilities. One that embeds images alone embeds those of the sampler's split
/// now, once each, unless `embedded` has them (of another sampler of this split and these renders);
/// others adapt anew in each episode.
Answers learner_answers(const AnyLearner& learner, const Trained& trained,
                        std::shared_ptr<const tasks::EpisodeSampler> sampler, Threads* threads,
                        std::shared_ptr<const EmbeddedSplit> embedded = nullptr);
/// The nearest support image by squared Euclidean distance of pixels, raw or with ink centred.
Answers pixel_answers(const tasks::EpisodeSampler& sampler, bool centred, Threads* threads);
/// The nearest support image by modified Hausdorff distance.
Answers hausdorff_answers(std::shared_ptr<const tasks::EpisodeSampler> sampler);

// ---- how well ---------------------------------------------------------------------------------

struct Evaluation {
  double accuracy = 0;  ///< mean over episodes
  double ci95 = 0;      ///< half-width: 1.96 s / √episodes, s with n - 1; NaN for one episode
  std::vector<double> accuracies{};  ///< one an episode
};

struct EvaluateOptions {
  Threads* threads = nullptr;
  std::function<bool()> stop{};              ///< asked now and then; the rest is then left out
  std::function<void(int done)> progress{};  ///< episodes done
  /// Sees all answers, episode by episode in their order, on the calling thread.
  std::function<void(const tasks::EpisodePlan&, const EpisodeAnswers&)> observe{};
};

/// Episodes 0 .. episodes - 1. Throws DataError for fewer than one.
Evaluation evaluate(const Answers& answers, const tasks::EpisodeSampler& sampler, int episodes,
                    const EvaluateOptions& options = {});
Evaluation evaluate(const AnyLearner& learner, const Trained& trained,
                    std::shared_ptr<const tasks::EpisodeSampler> sampler, int episodes,
                    const EvaluateOptions& options = {});

/// Mean and interval of numbers, as above.
Evaluation summarise(std::vector<double> accuracies);

// ---- Lake's one-shot task ----------------------------------------------------------------------

/// For each test image the position of its answer among the training images; both [n, size, size,
/// c].
using OneShotAnswers = std::function<std::vector<int>(const Tensor& training, const Tensor& test)>;

/// The error of each run in percent.
std::vector<double> one_shot_errors(const tasks::OneShotTask& task,
                                    const tasks::RenderOptions& render,
                                    const OneShotAnswers& answers);
/// How the images of a run reach a learner.
enum class OneShotPath {
  together,    ///< all test images at once; of a transductive learner one at a time all the same
  one_by_one,  ///< each test image alone, and each training image too where they are embedded
};
/// What a test image is called does not depend on the others: both paths give the same answers but
/// for ties within rounding.
OneShotAnswers one_shot_learner(const AnyLearner& learner, const Trained& trained,
                                Threads* threads = nullptr,
                                OneShotPath path = OneShotPath::together);
OneShotAnswers one_shot_pixels();

}  // namespace metatape::metalearn
