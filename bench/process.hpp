// process.hpp: workloads in processes of their own, so that each begins with fresh memory and can
// be given an environment.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace bench {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// What the process printed; nothing where it failed.
std::optional<std::string> output_of(const std::vector<std::string>& words,
                                     const Environment& environment = {});

/// The words that make `program` measure a workload as `o` says and print a JSON object.
std::vector<std::string> measuring(const std::string& program, const std::string& workload,
                                   const Options& o);
/// This program's own path, for that.
inline const char* const this_program = "/proc/self/exe";

/// The number of a field of a flat JSON object; NaN where there is none.
double field(const std::string& json, const std::string& name);

}  // namespace bench
