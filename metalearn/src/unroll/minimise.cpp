#include "metatape/metalearn/unroll/minimise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

Minimised minimise(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                   const MinimiseOptions& options, Threads* threads) {
  const Params phi = optimizer.phi(instance.initial.dtype());
  Unrolled run = unroll(instance, optimizer, phi, start_of(instance, optimizer, phi, options.key),
                        options.key, {.steps = options.steps, .gradient = false}, threads);
  return {std::move(run.losses), std::move(run.end.theta), run.diverged};
}

Minimised minimise(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                   const MinimiseOptions& options, Threads* threads) {
  MinimiseOptions of_run = options;
  of_run.key = options.key.split("run");
  return minimise(problem.sample(options.key.split("instance"), options.dtype), optimizer, of_run,
                  threads);
}

Unrolled meta_gradient(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                       const MetaGradientOptions& options, Threads* threads) {
  if (options.steps < 1 || options.truncation < 0)
    throw DataError(fmt::format("meta_gradient: {} steps in windows of {}: at least 1 is needed",
                                options.steps, options.truncation));
  const tasks::OptimizeeInstance instance =
      problem.sample(options.key.split("instance"), options.dtype);
  const Key key = options.key.split("run");
  const Params phi = optimizer.phi(options.dtype);
  const std::int64_t window = options.truncation > 0 ? options.truncation : options.steps;
  UnrollScratch scratch(threads);
  Unrolled whole;
  RunState at = start_of(instance, optimizer, phi, key);
  while (at.step < options.steps) {
    const bool first = at.step == 0;
    Unrolled part = unroll(instance, optimizer, phi, at, key,
                           {.steps = std::min(window, options.steps - at.step),
                            .order = options.order,
                            .pass = options.pass,
                            .objective = options.objective},
                           scratch);
    at = part.end;
    if (first) {
      whole = std::move(part);
    } else {
      whole.loss += part.loss;
      whole.losses.insert(whole.losses.end(), part.losses.begin() + 1, part.losses.end());
      whole.gradient.add_scaled(1, part.gradient);
      whole.end = std::move(part.end);
      whole.diverged = part.diverged;
    }
    if (whole.diverged) {
      whole.gradient.scale(0);
      whole.theta_gradient.scale(0);
      break;
    }
  }
  return whole;
}

}  // namespace metatape::metalearn
