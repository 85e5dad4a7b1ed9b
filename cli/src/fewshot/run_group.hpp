// run_group.hpp: a training with several seeds: DIR/seed-1, DIR/seed-2, ..., each a run of its own.
#pragma once

#include <string>
#include <vector>

namespace metatape::cli {

/// The runs that a folder stands for.
struct RunGroup {
  std::vector<std::string> folders{};  ///< DIR/seed-* in order of the seeds, or DIR alone
  bool seeds = false;                  ///< it holds seed-* runs
};

/// Looks for DIR/seed-<whole number>/config.toml; whether the folders are sound is not its
/// business.
RunGroup find_runs(const std::string& folder);

}  // namespace metatape::cli
