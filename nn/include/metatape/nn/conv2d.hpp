// conv2d.hpp: convolution of images [n, height, width, channels].
#pragma once

#include <array>

#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// [n, h, w, in] -> [n, h', w', out]. Parameters: weight [out, in / groups, kernel rows, kernel
/// columns], bias [out].
struct Conv2d {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::array<int, 2> kernel{3, 3};
  Conv2dOptions options{};  ///< stride, padding, dilation, groups
  bool bias = true;
  Initialiser weight_init{};  ///< none: PyTorch's, uniform in ±1 / √(fan in)
  Initialiser bias_init{};    ///< none: the same

  /// DataError for a width or kernel below 1, or groups that do not divide the channels.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
