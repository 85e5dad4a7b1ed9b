// convex_companion.hpp: a small easy problem put beside another, so that the same optimizer meets
// both. Lv, Jiang and Li (2017).
#pragma once

#include <string>

#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// f(θ) + g(x), where g(x) = mean_i min((c_i x_i - a_i)², 10) has `dim` coordinates of its own,
/// a ~ U(-1, 1), c_i = exp(U(-range, range)), x from 0; all drawn anew for every instance.
///
///   initial   f's tensors, then "companion.x" [functions, dim]: the last in the buffer
///   loss      of f's shape: each of several functions side by side has a companion of its own
///
/// The paper trains on ConvexCompanion{RandomScaling{problem}}: f is scaled by its own range, g by
/// this one. What is judged (the objective, where f has one) has g added too: evaluate f alone.
struct ConvexCompanion {
  AnyOptimizee optimizee{};
  int dim = 20;
  double range = 1;

  /// f's own name: what is trained on is said by the run's settings.
  [[nodiscard]] std::string name() const { return optimizee.name(); }
  /// Throws DataError unless dim >= 1 and 0 <= range <= 20.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;
};

}  // namespace metatape::tasks
