// linear.hpp: x Wᵀ + b.
#pragma once

#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// [..., in] -> [..., out]. Parameters: weight [out, in], bias [out].
struct Linear {
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool bias = true;
  Initialiser weight_init{};  ///< none: PyTorch's, uniform in ±1 / √in
  Initialiser bias_init{};    ///< none: the same

  /// DataError for widths below 1.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
