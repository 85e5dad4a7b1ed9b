// layers.hpp: convolution, normalisation, dropout, embedding.
#pragma once

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// x [n, h, w, in] -> [n, oh, ow, out]. weight [out, in / groups, kh, kw] normal of deviation
/// sqrt(2 / fan_in) at first, bias zeros.
struct Conv2d {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::array<int, 2> kernel{3, 3};
  Conv2dOptions options{};
  bool bias = true;

  /// Throws DataError for a size below 1, or groups that do not divide in and out.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Batch normalisation over the last axis. weight (gamma) ones, bias (beta) zeros at first.
/// Mode says which statistics are used; the batch's own are noted where Mode asks for it. What
/// follows in the network, relu and then a 2 x 2 max-pool of images, may be done in the same
/// passes.
struct BatchNorm {
  std::int64_t channels = 1;
  double epsilon = 1e-5;
  bool relu = false;
  bool pool = false;  ///< needs relu

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  /// Throws DataError when Mode brings statistics and none of this name, and for a pool without
  /// relu.
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Layer normalisation over the last axis. weight ones, bias zeros at first.
struct LayerNorm {
  std::int64_t width = 1;
  double epsilon = 1e-5;

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Zeroes each element with this probability while training and scales the others by
/// 1 / (1 - rate); the mask depends on Mode's key alone. Srivastava et al. (2014).
struct Dropout {
  double rate = 0.5;

  [[nodiscard]] Params init(Key, DType = DType::f32) const { return {}; }
  /// Throws DataError unless 0 <= rate < 1.
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Rows of a table: weight [words, width], normal at first.
struct Embedding {
  std::int64_t words = 1;
  std::int64_t width = 1;

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, const Indices& words_at) const;
};

}  // namespace metatape::nn
