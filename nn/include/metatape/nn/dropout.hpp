// dropout.hpp: elements dropped at random while training.
#pragma once

#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// Each element is 0 with probability p, else x / (1 - p). The mask depends on the key alone.
/// DataError for p outside [0, 1). Srivastava et al. (2014).
Var dropout(Var x, double p, Key key);

/// dropout() with the mode's key where the mode is training; else x itself. No parameters.
struct Dropout {
  double p = 0.5;

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

}  // namespace metatape::nn
