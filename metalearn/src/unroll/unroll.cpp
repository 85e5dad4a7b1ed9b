#include "metatape/metalearn/unroll/unroll.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "job.hpp"
#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

namespace {

Pass pass_of(const AnyOptimizer& optimizer, const UnrollOptions& o) {
  const bool exact = o.order == Order::exact;
  switch (o.pass) {
    case Pass::automatic:
      if (!o.gradient) return Pass::checkpointed;
      if (exact) return optimizer.queries() ? Pass::recorded : Pass::checkpointed;
      return optimizer.coordinatewise() ? Pass::blockwise : Pass::checkpointed;
    case Pass::blockwise:
      if (exact)
        throw DataError(
            "unroll: no blockwise pass in exact order: the Hessian couples coordinates");
      if (!optimizer.coordinatewise())
        throw DataError(fmt::format(
            "unroll: no blockwise pass of {}: its coordinates see each other", optimizer.name()));
      return o.pass;
    case Pass::checkpointed:
      if (exact && optimizer.queries())
        throw DataError(
            fmt::format("unroll: no checkpointed pass of {} in exact order: it takes "
                        "its gradient elsewhere than at theta",
                        optimizer.name()));
      return o.pass;
    case Pass::recorded:
      break;
  }
  return o.pass;
}

}  // namespace

UnrollScratch::UnrollScratch(Threads* threads) : threads_(threads) {
  const int workers = threads ? threads->count() : 1;
  for (int w = 0; w < workers; ++w)
    tapes_.push_back(std::make_unique<Tape>(TapeOptions{.threads = threads}));
}
UnrollScratch::~UnrollScratch() = default;
UnrollScratch::UnrollScratch(UnrollScratch&&) noexcept = default;
Tape& UnrollScratch::tape(int worker) const { return *tapes_[static_cast<std::size_t>(worker)]; }
std::size_t UnrollScratch::peak_bytes() const {
  std::size_t peak = 0;
  for (const auto& tape : tapes_) peak = std::max(peak, tape->memory().peak);
  return peak;
}

std::size_t UnrollScratch::peak_together() const {
  std::size_t bytes = 0;
  for (const auto& tape : tapes_) bytes += tape->memory().peak;
  return bytes;
}
void UnrollScratch::reset_peak() {
  for (const auto& tape : tapes_) tape->reset_peak();
}
void UnrollScratch::run(std::int64_t count, const std::function<void(std::int64_t, int)>& f) const {
  if (threads_ && count > 1)
    threads_->run(count, f);
  else
    for (std::int64_t i = 0; i < count; ++i) f(i, 0);
}

RunState start_of(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                  const Params& phi, Key key) {
  return {instance.initial, optimizer.init(phi, instance.initial, key.split("state")), 0};
}

Unrolled unroll(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                const Params& phi, const RunState& from, Key key, const UnrollOptions& options,
                UnrollScratch& scratch) {
  if (options.steps < 1)
    throw DataError(fmt::format("unroll: {} steps: at least 1 is needed", options.steps));
  if (from.theta.empty()) throw DataError("unroll: theta has no tensors: nothing to minimise");
  if (options.judge_end && options.objective)
    throw DataError("unroll: judge_end is an objective of its own: none may stand beside it");
  if (!phi.empty() && phi.dtype() != from.theta.dtype())
    throw DTypeError(fmt::format("unroll: phi is {}, theta {}: they do not mix", name(phi.dtype()),
                                 name(from.theta.dtype())));
  const Pass pass = pass_of(optimizer, options);
  const detail::Job job{instance, optimizer, phi, from, key, options, scratch};
  if (pass == Pass::recorded && options.gradient) return detail::recorded(job);
  const bool keep = options.gradient && pass == Pass::checkpointed;
  detail::Track track = detail::forward(job, keep);
  Unrolled result = detail::result_of(job, track);
  if (track.diverged) return result;
  const detail::Pull pull = detail::pull_of(job, track);
  result.loss = pull.loss;
  if (!options.gradient) return result;
  if (keep)
    detail::checkpointed(job, track, pull, result);
  else
    detail::blockwise(job, track, pull, result);
  return result;
}

Unrolled unroll(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                const Params& phi, const RunState& from, Key key, const UnrollOptions& options,
                Threads* threads) {
  UnrollScratch scratch(threads);
  return unroll(instance, optimizer, phi, from, key, options, scratch);
}

}  // namespace metatape::metalearn
