// embeddings.hpp: what a learner's network makes of images, as points of a plane: the two principal
// components of their embeddings.
#pragma once

#include <vector>

#include "../figure.hpp"
#include "setup.hpp"

namespace metatape::cli {

struct PlaneOf {
  Figure figure{};
  std::int64_t images = 0;
  std::vector<double> shares{};  ///< of the variance, along x and y
};

/// UsageError unless the run's learner embeds images one by one.
void require_embeddings(const LoadedRun& run);

/// An episode's images, a colour a class, the support larger.
PlaneOf plane_of_episode(const LoadedRun& run, const tasks::ImageSet& set, const tasks::Episode& e,
                         Threads& threads);
/// All images of the sampler's split, a colour a class, or an alphabet where there are many
/// classes.
PlaneOf plane_of_split(const LoadedRun& run, const tasks::EpisodeSampler& sampler,
                       Threads& threads);

}  // namespace metatape::cli
