// random_scaling.hpp: an optimizee whose coordinates are stretched at random, so that an optimizer
// trained on it learns to do without a scale it can rely on. Lv, Jiang and Li (2017).
#pragma once

#include <string>

#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// c_i = exp(U(-range, range)), new for every instance and coordinate: f_c(θ) = f(c ∘ θ), started
/// at θ0 / c. The values along corresponding paths are f's, the gradient of coordinate i is c_i
/// times f's. Names, shapes and functions side by side are f's; loss and objective are both scaled.
struct RandomScaling {
  AnyOptimizee optimizee{};
  double range = 3;

  /// f's own name: what is trained on is said by the run's settings.
  [[nodiscard]] std::string name() const { return optimizee.name(); }
  /// Throws DataError unless 0 <= range <= 20.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;
};

}  // namespace metatape::tasks
