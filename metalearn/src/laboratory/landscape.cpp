#include "metatape/metalearn/laboratory/landscape.hpp"

#include <fmt/format.h>

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
  const auto slope = [&](const AnyEstimator& estimator, const Params& at, UnrollScratch& scratch) {
    const Estimate e = estimate(estimator, run, at, options.key, scratch);
    if (e.diverged || !detail::all_finite(e.gradient))
      return std::numeric_limits<double>::quiet_NaN();
    return e.gradient.dot(first.direction);
  };

  const std::int64_t width = std::ssize(first.values);
  const std::int64_t count = width * (plane ? std::ssize(second.values) : 1);
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
        for (const AnyEstimator& e : options.estimators) p.slopes.push_back(slope(e, at, scratch));
        for (const double sigma : options.sigmas)
          p.smoothed.push_back(smoothed(at, sigma, scratch));
      });
  std::vector<LandscapePoint> made;
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (done[i]) made.push_back(std::move(grid[i]));
  return made;
}

}  // namespace metatape::metalearn
