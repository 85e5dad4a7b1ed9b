// dynamics.hpp: a run as a dynamical system: what every estimator of its gradient looks at.
//
//   s_{t+1} = F_t(s_t, φ), t = 0 .. T-1,        L(φ) = Σ_{t=0..T} ℓ_t(s_t, φ)
//
// The wanted number is dL/dφ. An optimizer at work is such a system (its state: θ and what the
// optimizer remembers), and so is a recurrence that someone wrote down in one line.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/metalearn/unroll/order.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::metalearn {

/// What is asked of a system at s_t.
struct Moment {
  std::int64_t t = 0;
  Order order = Order::exact;  ///< first: gradients inside F are constants
  bool loss = true;            ///< ℓ_t is wanted
  bool move = true;            ///< s_{t+1} is wanted
};

/// What it answers.
struct Visit {
  Var loss{};    ///< ℓ_t(s_t, φ), one element; an invalid Var where nothing counts
  Bound next{};  ///< s_{t+1}, of s_t's layout
};

/// One run. Everything random in it was drawn when it was made, so it may be asked again, from
/// several threads, and answers alike.
struct Dynamics {
  std::int64_t steps = 0;  ///< T
  Params start{};          ///< s_0, a constant to φ
  /// Recorded on the tape of φ and s_t, of which each may be a constant there.
  std::function<Visit(const Bound& phi, const Bound& state, const Moment& moment)> visit{};
  /// F has gradients inside, which Order::first can hold constant.
  bool has_orders = false;
};

/// Runs of one kind, drawn by key: a family of functions minimised, say.
using System = std::function<Dynamics(const Params& phi, Key key)>;

/// A system written down as F and ℓ; ℓ_t counts for t = 1 .. T.
///
///   auto system = dynamics(4, Params({{"s", one}}),
///       [](const Bound& phi, const Bound& s, std::int64_t) { return std::vector{0.9 * s[0] +
///       phi[0]}; },
///       [](const Bound&, const Bound& s, std::int64_t) { return 0.5 * sum(square(s[0])); });
Dynamics dynamics(
    std::int64_t steps, Params start,
    std::function<std::vector<Var>(const Bound& phi, const Bound& state, std::int64_t t)> step,
    std::function<Var(const Bound& phi, const Bound& state, std::int64_t t)> loss);

/// What is made of the losses f_t(θ_t) of a minimisation, as a sum over steps, so that windows can
/// be had one by one (objective.hpp has the formulas); all are means over functions.
enum class RunObjective {
  sum,             ///< Σ_{t>=1} f_t
  final_value,     ///< f_T
  log_ratio,       ///< (1/T) log(f_T / f_0)
  mean_log_ratio,  ///< (1/T) Σ_{t>=1} log(f_t / f_0)
};
/// "sum", "final", "log_ratio", "mean_log_ratio"; DataError names them.
RunObjective run_objective(std::string_view name);
const char* to_string(RunObjective objective);

struct MinimisationOptions {
  std::int64_t steps = 50;
  RunObjective objective = RunObjective::sum;
};

/// An optimizer at work on an instance: state "theta.*", "state.*"; φ the optimizer's, and behind
/// it the instance's `settings` that φ names ("settings.penalty"). Keys as in unroll(): run key
/// `key`, step t's minibatch key.split("step", t); the loss an optimizer reads is a constant. The
/// optimizer's first state is that of `phi` and does not depend on it further.
/// DataError for fewer steps than 1, and for settings of a function that has none.
Dynamics minimisation(tasks::OptimizeeInstance instance, AnyOptimizer optimizer, const Params& phi,
                      Key key, const MinimisationOptions& options = {});

/// Such runs, an instance each: keyed as minimise() and meta_gradient() are.
System minimisations(tasks::AnyOptimizee problem, AnyOptimizer optimizer,
                     MinimisationOptions options = {});

}  // namespace metatape::metalearn
