// arrows.hpp: gradients over a plane as arrows on the map of its loss, and whether they go down it.
// Both measure in the picture: each axis as it is drawn, evenly or in equal factors, and both
// equally long. There, and only there, the steepest way down is at right angles to the map's
// contours, so that a reader can judge an arrow by eye.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../figure.hpp"
#include "axis.hpp"

namespace metatape::cli {

/// What an estimator sees at some points of a grid, the first axis running fastest.
struct PlaneSlopes {
  std::string name{};
  std::vector<std::size_t> points{};      ///< their numbers in the grid
  std::vector<double> along{}, across{};  ///< dL/d(first axis), dL/d(second); NaN: diverged
};

/// Downhill, all of one length: that of the room between `most` of them along an axis. None where a
/// gradient is 0 or not finite. Rows are counted from the top, where the second axis ends.
Arrows arrows_of(const PlaneSlopes& slopes, const Axis& first, const Axis& second,
                 std::int64_t most);

/// The share of points at which they are within a right angle of the way down the map, by
/// differences between its neighbouring points; NaN where there is none to judge.
double downhill_share(const PlaneSlopes& slopes, const Axis& first, const Axis& second,
                      const std::vector<double>& loss);

}  // namespace metatape::cli
