#include "metatape/metalearn/estimators/estimator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

AnyEstimator::AnyEstimator() : AnyEstimator(Reverse{}) {}

Estimate estimate(const AnyEstimator& estimator, const Dynamics& run, const Params& phi, Key key,
                  UnrollScratch& scratch) {
  if (!phi.empty() && !run.start.empty() && phi.dtype() != run.start.dtype())
    throw DTypeError(fmt::format("estimate: phi is {}, the state {}: they do not mix",
                                 name(phi.dtype()), name(run.start.dtype())));
  const std::int64_t length = std::max<std::int64_t>(estimator.window(run.steps), 1);
  Estimate whole{.gradient = phi.zeros_like()};
  Params carry = estimator.begin(run, phi, key);
  for (std::int64_t from = 0; from < run.steps; from += length) {
    const Window window{from, std::min(from + length, run.steps)};
    const Estimate part = estimator.advance(run, phi, window, key, scratch, carry);
    whole.loss += part.loss;
    whole.gradient.add_scaled(1, part.gradient);
    whole.kept_bytes = std::max(whole.kept_bytes, part.kept_bytes);
    if (part.diverged) return detail::lost(phi, *part.diverged);
  }
  return whole;
}

Estimate estimate(const AnyEstimator& estimator, const Dynamics& run, const Params& phi, Key key,
                  Threads* threads) {
  UnrollScratch scratch(threads);
  return estimate(estimator, run, phi, key, scratch);
}

double run_loss(const Dynamics& run, const Params& phi, UnrollScratch& scratch) {
  return detail::walk(run, phi, run.start, {0, run.steps}, scratch.tape()).loss;
}

}  // namespace metatape::metalearn
