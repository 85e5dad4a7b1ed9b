// training.hpp: optimizers trained: windows of unrolled runs as a MetaObjective of the Trainer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metatape/metalearn/training/meta_objective.hpp"
#include "metatape/metalearn/unroll/unroll.hpp"

namespace metatape::metalearn {

struct RunStage {
  std::int64_t meta_step = 0;  ///< from here on
  std::int64_t steps = 100;    ///< runs that begin have this length
};

struct UnrollTraining {
  std::int64_t steps = 100;   ///< of a run; then a new function is drawn
  std::int64_t window = 20;   ///< steps between two steps of φ
  std::int64_t shortest = 0;  ///< above 0: each run's length is uniform in [shortest, its length]
  /// A length by meta-step, in ascending order; before the first, `steps`. Being a function of the
  /// meta-step, it goes on alike after a resume.
  std::vector<RunStage> curriculum{};

  Order order = Order::first;
  Pass pass = Pass::automatic;
  UnrollObjective objective{};  ///< of a window; empty: sum_of_losses()

  /// The share of runs in which the optimizer is shown another's updates instead of being judged by
  /// its own: L = mean over coordinates of Σ_t (u_t - target_t)² along the teacher's run (Chen et
  /// al. 2020). 0: none.
  double imitation = 0;
  AnyOptimizer teacher{};
};

/// Each slot of the trainer's batch has a run of its own, of a function of its own: the carry holds
/// θ, the optimizer's state and the run's position between windows, and is empty between runs. A
/// run that diverges (loss or gradient not finite, forward or in the pass back) adds nothing to
/// that step's gradient, is counted and given up.
/// Measures: `final` (the loss at the window's end), `diverged`, `imitated` (1 or 0).
/// DataError for lengths below 1, a shortest run longer than some stage, a share outside [0, 1].
MetaObjective unroll_objective(tasks::AnyOptimizee problem, AnyOptimizer optimizer,
                               UnrollTraining options = {});

/// A window of the teacher's run, and the gradient of the squared distance from its updates to the
/// optimizer's, which sees the same gradients. `from` is the run with the optimizer's state; the
/// teacher's is stepped in place.
Unrolled imitate(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                 const Params& phi, const AnyOptimizer& teacher, const RunState& from,
                 Params& teacher_state, Key key, std::int64_t steps, UnrollScratch& scratch);

}  // namespace metatape::metalearn
