#include "metatape/metalearn/laboratory/horizon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

#include "likeness.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/laboratory/comparison.hpp"
#include "points.hpp"

namespace metatape::metalearn {

namespace {

// Ascending, the last one `steps`.
std::vector<std::int64_t> lengths_of(const HorizonOptions& options, std::int64_t steps) {
  std::vector<std::int64_t> lengths;
  const auto take = [&](std::int64_t n) {
    if (n < steps) lengths.push_back(n);
  };
  std::int64_t before = 0;
  for (const std::int64_t n : options.lengths) {
    if (n <= before)
      throw DataError(fmt::format("horizon: length {} after {}: lengths ascend from 1", n, before));
    take(before = n);
  }
  if (options.lengths.empty())
    for (std::int64_t decade = 1; decade < steps; decade *= 10)
      for (const std::int64_t n : {1, 2, 5}) take(n * decade);
  lengths.push_back(steps);
  return lengths;
}

std::int64_t root(std::int64_t n) {
  return static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
}

}  // namespace

Horizon horizon_of(const std::function<System(std::int64_t steps)>& system, const Params& phi,
                   std::int64_t steps, const HorizonOptions& options, Threads* threads) {
  if (steps < 1) throw DataError(fmt::format("horizon: {} steps: 1 or more expected", steps));
  const std::vector<std::int64_t> lengths = lengths_of(options, steps);
  const Dynamics longest = system(steps)(phi, options.key);

  // The longest run first: without it there is nothing to compare with. Then the others, then its
  // windows; windows of the whole run are the run.
  const auto count = lengths.size();
  const auto whole = [&](std::size_t i) { return i < count; };
  const auto length = [&](std::size_t i) {
    return whole(i) ? lengths[i == 0 ? count - 1 : i - 1] : lengths[i - count];
  };
  std::vector<Estimate> estimates(2 * count - 1);
  const std::vector<char> done = detail::points(
      std::ssize(estimates), threads, options.stop, [&](std::int64_t at, UnrollScratch& scratch) {
        const auto i = static_cast<std::size_t>(at);
        const std::int64_t n = length(i);
        Reverse reverse{.order = options.order, .segment = root(n)};
        if (!whole(i)) reverse.truncation = n;
        const Dynamics run = whole(i) && i > 0 ? system(n)(phi, options.key) : longest;
        Estimate& e = estimates[i] = estimate(reverse, run, phi, options.key, scratch);
        if (!e.diverged && !detail::all_finite(e.gradient)) e.diverged = run.steps;
      });

  Horizon h;
  if (!done.front()) return h;
  const bool lost = estimates.front().diverged.has_value();
  h.gradient = lost ? phi.zeros_like() : estimates.front().gradient;
  const auto point = [&](std::size_t i) {
    const Estimate& e = estimates[i];
    HorizonPoint p{.steps = length(i), .loss = e.loss, .diverged = e.diverged};
    p.relative_bias = std::numeric_limits<double>::quiet_NaN();
    if (e.diverged) {
      p.loss = p.norm = std::numeric_limits<double>::infinity();
      return p;
    }
    p.norm = detail::norm(e.gradient);
    p.cosine = cosine(e.gradient, h.gradient);
    p.relative_bias = detail::relative_bias(e.gradient, h.gradient);
    return p;
  };
  for (std::size_t i = 1; i < count; ++i)
    if (done[i]) h.runs.push_back(point(i));
  h.runs.push_back(point(0));
  for (std::size_t i = count; i < estimates.size(); ++i)
    if (done[i]) h.windows.push_back(point(i));
  h.windows.push_back(point(0));
  return h;
}

}  // namespace metatape::metalearn
