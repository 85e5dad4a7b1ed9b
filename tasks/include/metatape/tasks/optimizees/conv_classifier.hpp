// conv_classifier.hpp: a small convolutional network with batch normalisation to be trained on
// images. Andrychowicz et al. (2016), section 3.3; the details are those of its released code.
#pragma once

#include <cstdint>
#include <string>

#include "metatape/tasks/optimizees/labelled_images.hpp"
#include "metatape/tasks/optimizees/network_start.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// `layers` times: 5x5 convolution that keeps the size, batch normalisation, ReLU, the largest of
/// 2x2 windows; then a linear layer of `hidden` with batch normalisation and ReLU, and one of the
/// classes. f(θ) is the softmax cross-entropy on a minibatch that the step's key draws, normalised
/// by that minibatch's own statistics; an instance is a new start θ0.
///
///   initial   "block<i>.conv.weight" [filters, in, kernel, kernel], "block<i>.conv.bias",
///             "block<i>.norm.bias" [filters]; "hidden.weight" [hidden, features], "hidden.bias",
///             "hidden.norm.bias" [hidden]; "head.weight" [classes, hidden], "head.bias"
///   loss      []
///
/// The names that end in ".conv.weight" are what the paper gives an optimizer of its own. The norms
/// shift and do not scale. On CIFAR-10 there are 22,682 parameters.
struct ConvClassifier {
  LabelledImages images{};
  std::int64_t filters = 16;
  int layers = 3;
  int kernel = 5;  ///< odd
  std::int64_t hidden = 32;
  NetworkStart start = NetworkStart::tiny;
  double deviation = 0.01;  ///< of a tiny start
  int batch = 128;

  /// "conv:data=cifar10,filters=16,layers=3,hidden=32,init=tiny".
  [[nodiscard]] std::string name() const;
  /// Throws DataError without images, for an extent that cannot be, and when a pool has nothing
  /// left to pool.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;

  /// [n, height, width, channels] to [n, classes], by the batch's own statistics.
  [[nodiscard]] Var logits(const Bound& theta, Var pictures) const;
};

}  // namespace metatape::tasks
