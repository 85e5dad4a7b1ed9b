// unroll.hpp: an optimizer run on a function, and differentiated through.
// The one place where an optimizer meets an optimizee. From a state (θ, h) it makes T steps
//
//   ∇_t = ∇f_t(θ_t),   (u_t, h_{t+1}) = optimizer(φ, ∇_t, h_t),   θ_{t+1} = θ_t + u_t,
//
// f_t being the loss with the run's key.split("step", t), and gives L of f_0(θ_0) .. f_T(θ_T),
// dL/dφ and dL/dθ_0. A long run is cut in windows: the end of one is the start of the next, and
// nothing is differentiated across.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/metalearn/unroll/objective.hpp"
#include "metatape/metalearn/unroll/order.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape {
class Tape;
class Threads;
}  // namespace metatape

namespace metatape::metalearn {

/// How the gradient is computed; all agree up to rounding. n coordinates, T steps.
enum class Pass {
  automatic,  ///< blockwise where it can be, else checkpointed (recorded with a query in exact)
  recorded,   ///< all steps on one tape: memory T · (everything the optimizer computes)
  /// θ_t and h_t are kept, and each step is made again in the pass back: memory T · (θ and state).
  /// Exact by a Hessian-vector product a step.
  checkpointed,
  /// Coordinatewise optimizers, first order: only the gradients are kept, memory T · n. What
  /// later losses ask of θ_t is then a running sum of their gradients, so the pass back is
  /// independent for each block of coordinates: a block's T steps are made again and gone back
  /// through while in cache, blocks in parallel.
  blockwise,
};

struct UnrollOptions {
  std::int64_t steps = 20;
  Order order = Order::first;
  Pass pass = Pass::automatic;
  UnrollObjective objective{};  ///< empty: sum_of_losses()
  /// L is final_loss(), known beforehand: θ_T is judged and no θ before it, which saves T of T + 1
  /// evaluations where the instance has an objective of its own (few-shot learners: the queries'
  /// loss). `objective` must be empty.
  bool judge_end = false;
  bool gradient = true;    ///< false: only run
  std::int64_t block = 0;  ///< coordinates a block of the pass back; 0: as fits the cache
};

/// A run between two windows.
struct RunState {
  Params theta{};
  Params state{};  ///< the optimizer's
  std::int64_t step = 0;
};
/// Before the first step: the instance's start, the optimizer's first state.
RunState start_of(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                  const Params& phi, Key key);

struct Unrolled {
  double loss = 0;  ///< L
  /// f_0(θ_0) .. f_T(θ_T) as judged, means over functions; of `judge_end` f_T(θ_T) alone.
  std::vector<double> losses{};
  Params gradient{};        ///< dL/dφ
  Params theta_gradient{};  ///< dL/dθ_0
  RunState end{};
  /// The step whose loss or gradient is not finite, from the run's start. The run stopped there:
  /// `losses` ends with it where it was judged, L is infinite, the gradients are zeros.
  std::optional<std::int64_t> diverged{};
};

/// Warm tapes that an unroll, or an estimator of its gradient, runs on, one a worker: a step after
/// the first takes no new memory. One unroll at a time; `threads` (may be null) must outlive it.
class UnrollScratch {
 public:
  explicit UnrollScratch(Threads* threads = nullptr);
  ~UnrollScratch();
  UnrollScratch(UnrollScratch&&) noexcept;
  [[nodiscard]] Threads* threads() const { return threads_; }
  [[nodiscard]] int workers() const { return static_cast<int>(tapes_.size()); }
  [[nodiscard]] Tape& tape(int worker = 0) const;
  [[nodiscard]] std::size_t peak_bytes() const;  ///< of the largest tape
  [[nodiscard]] std::size_t peak_together()
      const;  ///< of all tapes; since reset_peak, as the other
  void reset_peak();

  /// f(i, tape) for i in [0, count), in parallel where there are threads.
  template <class F>
  void each(std::int64_t count, const F& f) const {
    run(count, [&](std::int64_t i, int worker) { f(i, tape(worker)); });
  }

 private:
  void run(std::int64_t count, const std::function<void(std::int64_t, int)>& f) const;

  Threads* threads_;
  std::vector<std::unique_ptr<Tape>> tapes_;
};

/// One window of `options.steps` steps from `from`.
/// Of several functions side by side the sum is differentiated for the optimizer's gradient, so
/// that each has its own; L is a mean over them. An objective that weighs functions unequally needs
/// them as the leading axis of every tensor of θ (ShapeError). DTypeError when φ and θ differ in
/// type; DataError for an objective beside `judge_end`, and for a pass that cannot be: blockwise in
/// exact order or where coordinates see each other, checkpointed in exact order with an optimizer
/// that has a query. The loss that an optimizer reads is the one its gradient is of, never the
/// instance's objective, and a constant in both orders.
Unrolled unroll(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                const Params& phi, const RunState& from, Key key, const UnrollOptions& options,
                UnrollScratch& scratch);
Unrolled unroll(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                const Params& phi, const RunState& from, Key key, const UnrollOptions& options = {},
                Threads* threads = nullptr);

}  // namespace metatape::metalearn
