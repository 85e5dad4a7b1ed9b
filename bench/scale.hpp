// scale.hpp: time and memory along one size, the others as README.md has them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "measure.hpp"

namespace bench {

/// One point of an axis.
struct Point {
  std::int64_t value = 0;  ///< the size; for parameters, their number
  std::string workload{};  ///< as --workload has it
  int threads = 1;
  double share = 1;  ///< what `each` divides the time by: steps, images, ...
  double kept = 0;   ///< bytes that the step holds by its formula; 0: none is stated
};

struct Axis {
  std::string name{};   ///< as --scale has it
  std::string label{};  ///< of the figure
  std::string each{};   ///< "ms a step": what the second figure of time is
  bool log = true;
  /// Curves: more than one where several workloads are measured along the same axis.
  std::vector<std::vector<Point>> curves{};
};

/// Throws metatape::DataError for an unknown axis; it names those that exist.
Axis axis_of(const Options& o);

/// Measures each point in a process of its own; a table (or JSON, a line each), and with `o.out`
/// figures of time and memory. False when a process failed.
bool run_scale(const Options& o);

}  // namespace bench
