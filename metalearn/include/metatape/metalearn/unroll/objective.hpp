// objective.hpp: what is made of the losses along a run: one number to be differentiated.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "metatape/autodiff/var.hpp"

namespace metatape::metalearn {

/// losses [steps + 1, functions] -> one element, on their tape. Row t is f at θ of step first + t:
/// a window of a run begins at `first`, and its row 0 is where the window before ended.
using UnrollObjective = std::function<Var(Var losses, std::int64_t first)>;

struct SumOptions {
  /// w_1, w_2, ... of all steps of the run; none: 1. DataError for a step beyond the last.
  std::vector<double> weights{};
  /// Count row 0 too, with weight 1: what the authors of the LSTM optimizer released, 21 terms for
  /// a window of 20.
  bool count_start = false;
};

/// Σ_{t>=1} w_t f(θ_t), mean over functions; θ_0 is not counted. Andrychowicz et al. (2016), eq. 3.
UnrollObjective sum_of_losses(SumOptions options = {});
/// f(θ_T), mean over functions. Of windows each one's last.
UnrollObjective final_loss();
/// (1/T) log(f(θ_T) / f(θ_0)), mean over functions: the rate at which the loss falls. Of losses
/// above 0.
UnrollObjective log_ratio();
/// (1/T) Σ_{t>=1} log(f(θ_t) / f(θ_0)), mean over functions: late steps, whose losses are small,
/// count as much as early ones. Of losses above 0. Wichrowska et al. (2017).
UnrollObjective mean_log_ratio();

}  // namespace metatape::metalearn
