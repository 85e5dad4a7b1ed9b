// gates.hpp: the gates of an LSTM meta-learner, layer by layer and step by step.
#pragma once

#include "../figure.hpp"
#include "setup.hpp"

namespace metatape::cli {

/// Means over a layer's weights, and whiskers from the least to the largest of the episodes.
struct GateFigures {
  Figure forget{};  ///< the share of a weight that a step keeps
  Figure input{};   ///< the step's rate
};

/// UsageError unless the run is an LSTM meta-learner's.
void require_gates(const LoadedRun& run);

/// Those of the sampler's first episodes.
GateFigures gates_over(const LoadedRun& run, const tasks::EpisodeSampler& sampler, int episodes,
                       Threads& threads);

}  // namespace metatape::cli
