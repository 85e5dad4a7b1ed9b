// conv_net.hpp: the convolutional encoders of few-shot learning, one description for all.
#pragma once

#include "metatape/nn/module.hpp"

namespace metatape::nn {

enum class ConvHead {
  flatten,  ///< the last map in C, H, W order, as PyTorch's flatten
  mean,     ///< its mean over the pixels
};

/// `blocks` times: 3x3 convolution without bias, batch normalisation, ReLU; the first `pools`
/// blocks also take the largest of 2x2 windows. Names: block<i>.conv.weight, block<i>.norm.weight,
/// .bias. Images [n, size, size, channels] -> [n, features()]; with `classes` a linear layer "head"
/// on top.
struct ConvNet {
  std::int64_t size = 28;  ///< pixels a side
  std::int64_t channels = 1;
  std::int64_t filters = 64;
  int blocks = 4;
  int pools = 4;   ///< how many of the first blocks pool
  int stride = 1;  ///< of every convolution
  /// Pool before normalisation and ReLU. The same family of functions (both are monotone where
  /// gamma is positive), but a quarter of the elements for them to work on.
  bool pool_first = false;
  ConvHead head = ConvHead::flatten;
  std::int64_t classes = 0;  ///< 0: the features themselves

  [[nodiscard]] std::int64_t map() const;       ///< pixels a side of the last map
  [[nodiscard]] std::int64_t features() const;  ///< width of the embedding
  /// Multiply-adds, times two, of one image forward and back, without the image's gradient.
  [[nodiscard]] double flop() const;

  /// Convolutions normal of deviation sqrt(2 / (9 in)). DataError when a pool has nothing to pool.
  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
};

/// Four blocks, each pooled: 28 -> 14 -> 7 -> 3 -> 1. Vinyals et al. (2016), Snell et al. (2017).
ConvNet conv4(ConvNet changes = {});
/// Four blocks of stride 2 without pools, the mean of the last 2x2 map. Finn et al. (2017).
ConvNet conv4_stride(ConvNet changes = {});
/// Five blocks, the first two pooled, first: an embedding of the whole 7x7 map.
ConvNet conv5_map(ConvNet changes = {});

}  // namespace metatape::nn
