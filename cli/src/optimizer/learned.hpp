// learned.hpp: learned optimizers as the user describes them, and as runs leave them.
#pragma once

#include <optional>
#include <string>

#include "../invocation.hpp"
#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::cli {

/// The net that is trained. What is left out comes from the model and the problem (fill()).
struct ModelSettings {
  std::string model = "lstm";
  std::optional<int> hidden, layers, global;
  std::optional<std::string> preprocess;  ///< "raw", or p of the log input
  std::optional<double> output_scale;
  std::string groups;  ///< patterns of tensors, "a|b"

  void declare(Settings& settings);

  /// The settings that were left out as they were measured to be good: raw gradients on analytic
  /// problems, their logarithms (p = 10) on networks. Then the optimizer with its first weights, by
  /// the seed. UsageError for what cannot be.
  metalearn::AnyOptimizer fill(bool problem_is_network, std::uint64_t seed);
};

/// The best weights of a run, or a checkpoint file. UsageError for one that holds no optimizer;
/// DataError for one that cannot be read.
metalearn::AnyOptimizer load_learned(const std::string& run_or_file);

}  // namespace metatape::cli
