#include "metatape/metalearn/laboratory/landscape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "likeness.hpp"
#include "metatape/autodiff/error.hpp"
#include "points.hpp"

namespace metatape::metalearn {

namespace {

void require_sound(const LandscapeAxis& axis, const char* which, const Params& phi) {
  if (axis.direction.dtype() != phi.dtype())
    throw DTypeError(fmt::format("landscape: the {} direction is {}, phi {}: they do not mix",
                                 which, name(axis.direction.dtype()), name(phi.dtype())));
  if (!(*axis.direction.layout() == *phi.layout()))
    throw ShapeError(
        fmt::format("landscape: the {} direction has {} numbers, phi {}: equal names "
                    "and shapes are needed",
                    which, axis.direction.size(), phi.size()));
  if (axis.values.empty())
    throw DataError(fmt::format("landscape: the {} axis has no values", which));
}

void require_sound(const LandscapeOptions& options) {
  for (const double sigma : options.sigmas)
    if (!(sigma > 0) || !std::isfinite(sigma))
      throw DataError(fmt::format("landscape: sigma {}: above 0 expected", sigma));
  if (!options.sigmas.empty() && options.smoothing_samples < 1)
    throw DataError(fmt::format("landscape: {} smoothing samples: 1 or more expected",
                                options.smoothing_samples));
  if (options.gradients_along < 0)
    throw DataError(
        fmt::format("landscape: gradients at {} values of an axis: 0 (all) or more expected",
                    options.gradients_along));
}

// Which of n places are taken, no more than `most`: the middles of as many equal stretches.
std::vector<char> spread(std::int64_t n, std::int64_t most) {
  std::vector<char> taken(static_cast<std::size_t>(n), most == 0);
  const std::int64_t count = std::min(n, most);
  for (std::int64_t k = 0; k < count; ++k)
    taken[static_cast<std::size_t>((2 * k + 1) * n / (2 * count))] = 1;
  return taken;
}

}  // namespace

std::vector<LandscapePoint> landscape_of(const System& system, const Params& phi,
                                         const LandscapeAxis& first, const LandscapeAxis& second,
                                         const LandscapeOptions& options, Threads* threads) {
  const bool plane = !second.direction.empty();
  require_sound(first, "first", phi);
  if (plane) require_sound(second, "second", phi);
  require_sound(options);
  const Dynamics run = system(phi, options.key);

  std::vector<Params> eps;
  const int draws = options.sigmas.empty() ? 0 : options.smoothing_samples;
  for (int i = 0; i < draws; i += 2) {
    const Key of = options.key.split("smoothing", static_cast<std::uint64_t>(i / 2));
    eps.emplace_back(phi.layout(), normal({phi.size()}, of, phi.dtype()));
  }
  const auto smoothed = [&](const Params& at, double sigma, UnrollScratch& scratch) {
    double sum = 0;
    for (int i = 0; i < draws; ++i) {
      Params p = at;
      p.add_scaled(i % 2 == 0 ? sigma : -sigma, eps[static_cast<std::size_t>(i / 2)]);
      sum += run_loss(run, p, scratch);
    }
    return sum / draws;
  };
  const auto add_slopes = [&](LandscapePoint& p, const AnyEstimator& estimator, const Params& at,
                              UnrollScratch& scratch) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const Estimate e = estimate(estimator, run, at, options.key, scratch);
    const bool lost = e.diverged || !detail::all_finite(e.gradient);
    p.slopes.push_back(lost ? nan : e.gradient.dot(first.direction));
    if (plane) p.slopes_across.push_back(lost ? nan : e.gradient.dot(second.direction));
  };

  const std::int64_t width = std::ssize(first.values);
  const std::int64_t height = plane ? std::ssize(second.values) : 1;
  const std::int64_t count = width * height, most = plane ? options.gradients_along : 0;
  const std::vector<char> columns = spread(width, most), rows = spread(height, most);
  std::vector<LandscapePoint> grid(static_cast<std::size_t>(count));
  const std::vector<char> done =
      detail::points(count, threads, options.stop, [&](std::int64_t i, UnrollScratch& scratch) {
        LandscapePoint& p = grid[static_cast<std::size_t>(i)];
        Params at = phi;
        p.a = first.values[static_cast<std::size_t>(i % width)];
        at.add_scaled(p.a, first.direction);
        if (plane) {
          p.b = second.values[static_cast<std::size_t>(i / width)];
          at.add_scaled(p.b, second.direction);
        }
        p.loss = run_loss(run, at, scratch);
        if (columns[static_cast<std::size_t>(i % width)] &&
            rows[static_cast<std::size_t>(i / width)])
          for (const AnyEstimator& e : options.estimators) add_slopes(p, e, at, scratch);
        for (const double sigma : options.sigmas)
          p.smoothed.push_back(smoothed(at, sigma, scratch));
      });
  std::vector<LandscapePoint> made;
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (done[i]) made.push_back(std::move(grid[i]));
  return made;
}

}  // namespace metatape::metalearn
