// conjugate_gradient.hpp: M x = b by products with M alone.
#pragma once

#include <functional>

#include "metatape/autodiff/tensor.hpp"

namespace metatape::metalearn::detail {

struct Solved {
  Tensor x{};
  int iterations = 0;
  bool negative_curvature = false;  ///< a direction of curvature <= 0 was met, and not followed
};

/// M symmetric and positive definite, all tensors of one axis; from `start`. It stops after
/// `iterations` or where the residual is at most `tolerance` times b. Hestenes and Stiefel (1952).
Solved conjugate_gradient(const std::function<Tensor(const Tensor&)>& m, const Tensor& b,
                          const Tensor& start, int iterations, double tolerance = 0);

}  // namespace metatape::metalearn::detail
