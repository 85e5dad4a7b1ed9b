// pushforward.hpp: Jacobian-vector products of one step, many of them for one recording.
// The pullback u ↦ uᵀ J is recorded once; being linear in u, its derivative in u is J: each product
// is then one sweep.
#pragma once

#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn::detail {

class Pushforward {
 public:
  /// Of y by x, both flat. `y` may not depend on x: J is 0 then.
  Pushforward(Var y, Var x) : y_shape_(y.shape()), dtype_(y.dtype()) {
    if (!y.differentiable()) return;
    cotangent_ = y.tape().variable(Tensor::zeros(y.shape(), y.dtype()));
    pulled_ = recorded_vector_jacobian(y, std::span<const Var>(&x, 1), cotangent_).front();
  }
  /// J t.
  [[nodiscard]] Tensor operator()(const Tensor& t) const {
    if (!pulled_.valid() || !pulled_.differentiable()) return Tensor::zeros(y_shape_, dtype_);
    return grad(sum(pulled_ * t), cotangent_);
  }

 private:
  Shape y_shape_;
  DType dtype_;
  Var cotangent_, pulled_;
};

}  // namespace metatape::metalearn::detail
