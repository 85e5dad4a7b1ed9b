// train.hpp: few-shot learners on the one training loop.
#pragma once

#include "metatape/metalearn/fewshot/evaluate.hpp"
#include "metatape/metalearn/training/trainer.hpp"

namespace metatape::metalearn {

enum class Shots {
  fixed,   ///< those of the sampler's episodes
  varied,  ///< 1 to as many, drawn anew for each episode: the first ones of each class
};
/// Episode `index` of the sampler a step and slot; the carry holds the learner's running
/// statistics.
MetaObjective episode_objective(AnyLearner learner,
                                std::shared_ptr<const tasks::EpisodeSampler> sampler,
                                Shots shots = Shots::fixed);

/// φ, and the mean of the slots' carries.
Trained trained(const Trainer& trainer);
/// The same from a checkpoint that a Trainer made. DataError names `source` and what is missing.
Trained trained(const nn::Checkpoint& checkpoint, const std::string& source);

struct TrainOptions {
  std::int64_t episodes = 1000;
  TrainerOptions trainer{};  ///< without an optimizer: Adam of rate 1e-3
  Key key{1};
  Threads* threads = nullptr;
  std::function<void(const StepReport&)> report{};
  std::function<bool()> stop{};
};

/// From first weights to a trained learner.
Trained train(const AnyLearner& learner, std::shared_ptr<const tasks::EpisodeSampler> sampler,
              const TrainOptions& options = {});

}  // namespace metatape::metalearn
