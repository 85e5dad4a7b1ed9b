#include "arrows.hpp"

#include <algorithm>
#include <cmath>

namespace metatape::cli {

namespace {

// dL/d(place in the picture, 0 to 1) of dL/d(value) at place i of an axis.
double in_picture(double slope, const Axis& axis, std::size_t i) {
  if (!axis.logarithmic) return slope * (axis.to - axis.from);
  return slope * axis.value(static_cast<std::int64_t>(i)) * std::log(axis.to / axis.from);
}

// The same from losses at the axis' places around i, `loss(i)` being that at i.
template <class Loss>
double by_differences(const Axis& axis, std::size_t i, const Loss& loss) {
  const auto last = static_cast<std::size_t>(axis.count) - 1;
  const std::size_t before = i > 0 ? i - 1 : 0, after = std::min(i + 1, last);
  return (loss(after) - loss(before)) / static_cast<double>(after - before) *
         static_cast<double>(last);
}

}  // namespace

Arrows arrows_of(const PlaneSlopes& slopes, const Axis& first, const Axis& second,
                 std::int64_t most) {
  constexpr double share = 0.8;  // of the room
  const auto width = static_cast<std::size_t>(first.count);
  const double length =
      share / static_cast<double>(std::min(most, std::max(first.count, second.count)));
  Arrows arrows{.name = slopes.name};
  for (std::size_t k = 0; k < slopes.points.size(); ++k) {
    const std::size_t column = slopes.points[k] % width, row = slopes.points[k] / width;
    const double x = in_picture(slopes.along[k], first, column);
    const double y = in_picture(slopes.across[k], second, row);
    const double size = std::hypot(x, y);
    if (!std::isfinite(size) || size == 0) continue;
    arrows.column.push_back(static_cast<double>(column));
    arrows.row.push_back(static_cast<double>(second.count - 1) - static_cast<double>(row));
    arrows.right.push_back(-x / size * length * static_cast<double>(first.count));
    arrows.down.push_back(y / size * length * static_cast<double>(second.count));
  }
  return arrows;
}

double downhill_share(const PlaneSlopes& slopes, const Axis& first, const Axis& second,
                      const std::vector<double>& loss) {
  const auto width = static_cast<std::size_t>(first.count);
  int judged = 0, down = 0;
  for (std::size_t k = 0; k < slopes.points.size(); ++k) {
    const std::size_t column = slopes.points[k] % width, row = slopes.points[k] / width;
    const double x =
        by_differences(first, column, [&](std::size_t c) { return loss[row * width + c]; });
    const double y =
        by_differences(second, row, [&](std::size_t r) { return loss[r * width + column]; });
    const double along = in_picture(slopes.along[k], first, column),
                 across = in_picture(slopes.across[k], second, row);
    const double size = std::hypot(x, y), seen = std::hypot(along, across);
    if (!std::isfinite(size) || size == 0 || !std::isfinite(seen)) continue;
    ++judged;
    down += seen > 0 && x / size * (along / seen) + y / size * (across / seen) > 0;
  }
  return judged > 0 ? static_cast<double>(down) / judged : std::nan("");
}

}  // namespace metatape::cli
