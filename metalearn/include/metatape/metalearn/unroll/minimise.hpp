// minimise.hpp: an optimizer used, and its meta-gradient, in one call.
#pragma once

#include "metatape/metalearn/unroll/unroll.hpp"

namespace metatape::metalearn {

struct MinimiseOptions {
  std::int64_t steps = 100;
  Key key{};  ///< of the instance, the start and the minibatches
  DType dtype = DType::f32;
};

struct Minimised {
  std::vector<double> losses{};            ///< f at θ_0 .. θ_T, means over functions
  Params params{};                         ///< θ_T, or θ where it diverged
  std::optional<std::int64_t> diverged{};  ///< the step whose loss or gradient is not finite
};

/// The optimizer, with its own φ, on an instance of the problem.
///
///   auto lstm = load_optimizer("runs/mnist/checkpoint.safetensors");
///   auto run = minimise(problem, lstm, {.steps = 200});
Minimised minimise(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                   const MinimiseOptions& options = {}, Threads* threads = nullptr);
/// On an instance that was drawn; `options.key` is that of the run.
Minimised minimise(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                   const MinimiseOptions& options = {}, Threads* threads = nullptr);

struct MetaGradientOptions {
  std::int64_t steps = 100;
  std::int64_t truncation = 0;  ///< steps a window; 0: the whole run is one
  Order order = Order::first;
  Pass pass = Pass::automatic;
  UnrollObjective objective{};  ///< of each window; L is their sum. Empty: sum_of_losses()
  Key key{};                    ///< of the instance, the start and the minibatches
  DType dtype = DType::f32;
};

/// L, dL/dφ (summed over windows) and dL/dθ_0 (of the first window: nothing crosses a cut) of a run
/// at the optimizer's own φ. DataError for no steps.
Unrolled meta_gradient(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                       const MetaGradientOptions& options = {}, Threads* threads = nullptr);

}  // namespace metatape::metalearn
