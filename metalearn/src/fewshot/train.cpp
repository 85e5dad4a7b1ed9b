#include "metatape/metalearn/fewshot/train.hpp"

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

MetaObjective episode_objective(AnyLearner learner,
                                std::shared_ptr<const tasks::EpisodeSampler> sampler) {
  return {.init = {},
          .step = [learner = std::move(learner), sampler = std::move(sampler)](
                      Tape& tape, const Params& phi, const Params& carry,
                      const MetaPosition& position) {
            return learner.objective(tape, phi, carry, sampler->episode(position.index()),
                                     position.key);
          }};
}

namespace {

Trained averaged(Params phi, const std::vector<Params>& carries) {
  Params mean = carries.at(0);
  for (std::size_t i = 1; i < carries.size(); ++i) mean.add_scaled(1, carries[i]);
  if (carries.size() > 1) mean.scale(1 / static_cast<double>(carries.size()));
  return {std::move(phi), std::move(mean)};
}

}  // namespace

Trained trained(const Trainer& trainer) { return averaged(trainer.phi(), trainer.carries()); }

Trained trained(const nn::Checkpoint& checkpoint, const std::string& source) {
  Params phi = part_of(checkpoint, "phi");
  if (phi.empty()) throw DataError(source + ": no tensors 'phi.*': not a training checkpoint");
  std::vector<Params> carries{part_of(checkpoint, "carry.0")};
  for (int slot = 1;; ++slot) {
    Params carry = part_of(checkpoint, "carry." + std::to_string(slot));
    if (carry.empty()) return averaged(std::move(phi), carries);
    carries.push_back(std::move(carry));
  }
}

Trained train(const AnyLearner& learner, std::shared_ptr<const tasks::EpisodeSampler> sampler,
              const TrainOptions& options) {
  Trainer trainer(episode_objective(learner, std::move(sampler)),
                  learner.init(options.key.split("phi")), options.trainer, options.key,
                  options.threads);
  run(trainer, {.steps = options.episodes / options.trainer.batch,
                .report = options.report,
                .stop = options.stop});
  return trained(trainer);
}

}  // namespace metatape::metalearn
