// beside.hpp: this program and another that does the same workloads, in turn.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace bench {

/// For each workload: `o.rounds` times one process of this program, then one of the peer in each of
/// its settings (freed pages given back or kept; with more threads than one, idle OpenMP threads
/// spinning or asleep). Medians over processes of their medians; the ratio is of the peer's best
/// setting. A line each, or a JSON object. False when check values differ, or a process failed.
bool run_beside(const Options& o, const std::vector<std::string>& workloads);

}  // namespace bench
