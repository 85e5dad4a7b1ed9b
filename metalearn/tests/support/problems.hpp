// problems.hpp: small functions that optimizers are run on in tests.
#pragma once

#include <vector>

#include "metatape/autodiff.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace problems {

using namespace metatape;

/// ‖W_b θ_b - y_b‖² of `functions` functions of `dim` dimensions, θ [functions, dim]: the
/// functions' own losses, not averaged.
inline tasks::OptimizeeInstance quadratics(int functions, std::int64_t dim, Key key, DType dtype) {
  const Tensor w = normal({functions, dim, dim}, key.split("w"), dtype);
  const Tensor y = normal({functions, dim}, key.split("y"), dtype);
  tasks::OptimizeeInstance instance;
  instance.initial = Params({{"theta", normal({functions, dim}, key.split("start"), dtype)}});
  instance.loss = [=](const Bound& p, Key) {
    const Var moved = matmul(p.flat().tape().constant(w), unsqueeze(p["theta"], 2));
    return sum(square(squeeze(moved, 2) - y), 1);
  };
  instance.functions = functions;
  return instance;
}

/// A net 5 -> 4 tanh -> 3 with cross-entropy on a fresh batch of 6 each step; four tensors.
inline tasks::OptimizeeInstance net(Key key, DType dtype) {
  tasks::OptimizeeInstance instance;
  instance.initial = Params({{"hidden.weight", normal({4, 5}, key.split("w1"), dtype)},
                             {"hidden.bias", normal({4}, key.split("b1"), dtype)},
                             {"out.weight", normal({3, 4}, key.split("w2"), dtype)},
                             {"out.bias", normal({3}, key.split("b2"), dtype)}});
  instance.loss = [dtype](const Bound& p, Key batch) {
    Random random(batch.split("labels"));
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 6; ++i) labels.push_back(static_cast<std::int32_t>(random.below(3)));
    const Var x = p["out.bias"].tape().constant(normal({6, 5}, batch.split("x"), dtype));
    const Var h = tanh(linear(x, p["hidden.weight"], p["hidden.bias"]));
    return softmax_cross_entropy(linear(h, p["out.weight"], p["out.bias"]),
                                 Indices(std::move(labels)));
  };
  return instance;
}

/// ‖a - b‖ / ‖b‖
inline double distance(const Params& a, const Params& b) {
  Params d = a;
  d.add_scaled(-1, b);
  return d.norm() / b.norm();
}

}  // namespace problems
