#include "budget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace metatape::cli {

namespace {

// Of a run of so many steps.
double measured(const Study& study, std::int64_t steps, std::int64_t segment,
                metalearn::UnrollScratch& scratch) {
  const metalearn::Dynamics run = study.runs_of(steps)(study.phi, study.key);
  scratch.reset_peak();
  const metalearn::Estimate e = metalearn::estimate(metalearn::Reverse{.segment = segment}, run,
                                                    study.phi, study.key, scratch);
  return static_cast<double>(scratch.peak_together() + e.kept_bytes);
}

}  // namespace

metalearn::Reverse exact_within(const Study& study, std::int64_t bytes, Threads* threads) {
  constexpr std::int64_t few = 2, some = 8;
  constexpr double margin = 1.05;  // a tape's memory comes in pieces
  const std::int64_t steps = study.options.steps;
  const auto budget = static_cast<double>(bytes);
  metalearn::UnrollScratch scratch(threads);
  if (steps <= some && measured(study, steps, 0, scratch) <= budget) return {};
  const auto slope = [&](std::int64_t segment) {
    return (measured(study, some, segment, scratch) - measured(study, few, segment, scratch)) /
           static_cast<double>(some - few);
  };
  const double step = slope(0), state = slope(1);
  const auto fixed = [&](std::int64_t segment, double of_a_step) {
    return std::max(0.0, measured(study, few, segment, scratch) - few * of_a_step);
  };
  const double recorded = fixed(0, step), segmented = fixed(1, state) - step;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t segment = steps; segment >= 1; --segment) {
    const auto length = static_cast<double>(segment);
    const double states = static_cast<double>((steps + segment - 1) / segment) * state;
    const double needed = segment == steps ? margin * (recorded + length * step)
                                           : margin * (segmented + length * step) + states;
    if (needed <= budget) return {.segment = segment == steps ? 0 : segment};
    least = std::min(least, needed);
  }
  throw UsageError(fmt::format("--memory-budget: {} bytes: {} steps need {:.0f} at the least",
                               bytes, steps, least));
}

}  // namespace metatape::cli
