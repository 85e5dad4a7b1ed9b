// ridge.hpp: a penalty to be chosen: the smallest problem in two levels.
#pragma once

#include <string>

#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// Ridge regression on three points, judged on two others:
///
///   loss       ½ ‖X w - y‖² + ½ λ ‖w‖²,  X = [[1, 2], [0, 1], [2, -1]], y = (1, 0, 2)
///   objective  ½ ‖V w - u‖²,             V = [[1, 1], [1, -1]],         u = (.5, 1.5)
///   initial    "theta" [2], zeros
///   settings   "penalty": λ, of which the derivative of the judged optimum is known
///
/// At λ = ½ the optimum is w = (10/11, 0), judged 0.25826446281, of slope 0.030052592036 in λ.
struct Ridge {
  double penalty = 0.5;

  [[nodiscard]] std::string name() const;
  /// Throws DataError for a penalty below 0. No randomness.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;
};

}  // namespace metatape::tasks
