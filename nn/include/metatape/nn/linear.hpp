// linear.hpp: fully connected layers.
#pragma once

#include <vector>

#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// activation(x Wᵀ + b) over the last axis: x [..., in] -> [..., out].
/// weight [out, in], bias [out], both uniform in ± 1 / sqrt(in) at first, as PyTorch's.
struct Linear {
  std::int64_t in = 1;
  std::int64_t out = 1;
  bool bias = true;
  Activation activation = Activation::none;

  /// Throws DataError for a size below 1.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Linear layers with an activation between them: sizes {784, 20, 10} are two layers, named "0",
/// "1".
struct Mlp {
  std::vector<std::int64_t> sizes;
  Activation activation = Activation::relu;
  double dropout = 0;  ///< behind each activation, while training

  /// Throws DataError for fewer than two sizes.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
