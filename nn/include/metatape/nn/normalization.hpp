// normalization.hpp: batch and layer normalisation, both over the last axis.
#pragma once

#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// weight (x - mean) / √(variance + epsilon) + bias, each channel for itself. Mean and variance are
/// those of the mode, or without them the batch's own, differentiated through.
/// Parameters: weight [channels] of ones, bias [channels] of zeros. Ioffe and Szegedy (2015).
struct BatchNorm {
  std::int64_t channels = 0;
  double epsilon = 1e-5;
  bool scale = true;  ///< learn weight; else it is 1
  bool shift = true;  ///< learn bias; else it is 0

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  [[nodiscard]] Params init_statistics(DType dtype = DType::f32) const;
  [[nodiscard]] Applied apply(const Bound& p, Var x, const Mode& mode = {}) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const {
    return apply(p, x, mode).output;
  }
};

/// weight (x - mean) / √(variance + epsilon) + bias, each row for itself.
/// Parameters: weight [width] of ones, bias [width] of zeros. Ba, Kiros and Hinton (2016).
struct LayerNorm {
  std::int64_t width = 0;
  double epsilon = 1e-5;

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
