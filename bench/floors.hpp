// floors.hpp: what a workload takes beside what it could not take less than, on this machine.
#pragma once

#include <string>
#include <vector>

#include "counts.hpp"
#include "measure.hpp"
#include "rates.hpp"

namespace bench {

/// The least time of a step by two roofs: units that compute and memory that moves may work at the
/// same time, so the slower of both is the floor.
///   compute = least_flop / peak + transcendentals / rate of the cell
///   memory  = bytes / bandwidth of the cache that holds what is resident
struct Floor {
  double products_ms = 0, functions_ms = 0, memory_ms = 0;
  const char* level = "";  ///< where the bytes move: "L2", "L3", "memory"
  [[nodiscard]] double compute_ms() const { return products_ms + functions_ms; }
  [[nodiscard]] double ms() const { return std::max(compute_ms(), memory_ms); }
  [[nodiscard]] bool by_memory() const { return memory_ms > compute_ms(); }
};
Floor floor_of(const Counts& counts, const Rates& rates);

/// Measures the rates on one thread and on `o.threads`, then each workload in a process of its own;
/// prints both, and the share of its floor that each reaches. With `o.out` the roofline is drawn
/// there. False when a process failed.
bool run_floors(const Options& o, const std::vector<std::string>& workloads);

}  // namespace bench
