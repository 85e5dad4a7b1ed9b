// mlp.hpp: linear layers with one activation between them.
#pragma once

#include <vector>

#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// [..., widths.front()] -> [..., widths.back()]; the last layer has no activation.
/// Parameters: "0.weight" [widths[1], widths[0]], "0.bias", "1.weight", ...
struct MLP {
  std::vector<std::int64_t> widths{};  ///< of the input, the hidden layers, the output
  Activation activation = Activation::relu;
  bool bias = true;
  Initialiser weight_init{};  ///< none: PyTorch's, uniform in ±1 / √in
  Initialiser bias_init{};    ///< none: the same

  /// DataError for fewer than two widths, or one below 1.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
