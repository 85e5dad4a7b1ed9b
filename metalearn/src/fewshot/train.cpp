#include "metatape/metalearn/fewshot/train.hpp"

#include <algorithm>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

namespace {

// The episode with the first `shot` support images of each class.
tasks::Episode with_shot(tasks::Episode e, int shot) {
  const auto way = static_cast<std::int64_t>(e.plan.classes.size());
  const std::int64_t each = e.support.shape()[0] / way;
  if (shot == each) return e;
  const auto images_of = [&](std::int64_t images) { return e.images.shape().with(0, images); };
  Tensor images = Tensor::uninitialised(images_of(way * shot + e.query.shape()[0]));
  float* to = images.mutable_values<float>().data();
  std::vector<int> support;
  std::vector<std::int32_t> labels;
  const auto put = [&](const Tensor& some) {
    to = std::ranges::copy(some.values<float>(), to).out;
  };
  for (std::int64_t c = 0; c < way; ++c) {
    put(e.support.rows(c * each, c * each + shot));
    for (std::int64_t k = 0; k < shot; ++k) {
      support.push_back(e.plan.support[static_cast<std::size_t>(c * each + k)]);
      labels.push_back(static_cast<std::int32_t>(c));
    }
  }
  put(e.query);
  e.images = images;
  e.support = images.rows(0, way * shot);
  e.query = images.rows(way * shot, images.shape()[0]);
  e.plan.support = std::move(support);
  e.support_labels = Indices(std::move(labels));
  return e;
}

}  // namespace

MetaObjective episode_objective(AnyLearner learner,
                                std::shared_ptr<const tasks::EpisodeSampler> sampler, Shots shots) {
  return {.init = {},
          .step = [learner = std::move(learner), sampler = std::move(sampler), shots](
                      Tape& tape, const Params& phi, const Params& carry,
                      const MetaPosition& position) {
            tasks::Episode e = sampler->episode(position.index());
            if (shots == Shots::varied)
              e = with_shot(
                  std::move(e),
                  1 + static_cast<int>(
                          Random(position.key.split("shots")).below(sampler->options().shot)));
            return learner.objective(tape, phi, carry, e, position.key);
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
