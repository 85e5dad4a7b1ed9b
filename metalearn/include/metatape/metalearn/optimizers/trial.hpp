// trial.hpp: how well an optimizer does: its losses on instances that nobody trained or tuned it
// on. Instance i and its minibatches depend on the key alone, so every optimizer tried with one key
// meets the same functions, and trials can be compared pair by pair.
#pragma once

#include <functional>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape {
class Threads;
}

namespace metatape::metalearn {

struct TrialOptions {
  int steps = 100;      ///< updates of θ a run
  int instances = 100;  ///< runs; one of several functions side by side counts once
  Key key{};
  DType dtype = DType::f32;
  Threads* threads = nullptr;    ///< instances in parallel; the bits do not depend on it
  std::function<bool()> stop{};  ///< asked between instances; the rest is then left out
  std::function<void(int done)> progress{};  ///< instances done; called from one thread at a time
};

/// f_t(θ_t) for t = 0 .. steps, one row a function: the loss (or the objective, where there is one)
/// of minibatch t before update t, and after the last update on one minibatch more. A row ends
/// before the first value that is not finite.
struct Trial {
  int steps = 0;
  std::vector<std::vector<double>> losses{};

  [[nodiscard]] bool diverged(std::size_t function) const {
    return losses[function].size() <= static_cast<std::size_t>(steps);
  }
};

/// Runs `optimizer` with its own φ. Instance i is sample(key.split("instance", i)), the minibatch
/// of its step t key.split("run", i).split("step", t). DataError for fewer than one step or
/// instance.
Trial try_optimizer(const AnyOptimizer& optimizer, const tasks::AnyOptimizee& optimizee,
                    const TrialOptions& options = {});

/// What a trial comes to at one step, over the functions that had not diverged by then; NaN where
/// there are none.
struct TrialSummary {
  int functions = 0;
  int diverged = 0;           ///< how many had a loss that is not finite, up to this step
  int first_divergence = -1;  ///< the earliest step of such a loss; -1: none
  int risen = 0;              ///< how many stand above ten times their first loss
  double mean = 0;
  double ci95 = 0;  ///< half-width of the mean's interval, 1.96 s / √n; NaN for one function
  double median = 0;
  double low = 0, high = 0;  ///< 10 % and 90 % quantiles
  double last5 = 0;          ///< mean of the five values up to this step
  double last5_ci95 = 0;     ///< over functions, of each one's mean of five
  double sum = 0;            ///< mean over functions of Σ_{t=1..step} f_t(θ_t)
};
/// `step` in 0 .. trial.steps, -1: the last.
TrialSummary summarise(const Trial& trial, int step = -1);

}  // namespace metatape::metalearn
