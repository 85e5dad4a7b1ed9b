// mlp_classifier.hpp: a small fully connected network to be trained on images: the problem that
// learned optimizers are known by. Andrychowicz et al. (2016), section 3.2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metatape/tasks/optimizees/labelled_images.hpp"
#include "metatape/tasks/optimizees/network_start.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// Between the layers of MlpClassifier.
enum class HiddenActivation { sigmoid, tanh, relu, elu };

/// "sigmoid", "tanh", "relu", "elu".
const char* to_string(HiddenActivation activation);

/// f(θ) = softmax cross-entropy of a network on a minibatch that the step's key draws; an instance
/// is a new start θ0.
///
///   initial   "0.weight" [hidden, pixels], "0.bias" [hidden], "1.weight", ...: as nn::Mlp names
///             them; pixels row by row, in [0, 1]. 784-20-10 has 15,910 parameters.
///   loss      []
///
/// f(θ0) is close to log(classes) at a tiny start.
struct MlpClassifier {
  LabelledImages images{};
  std::vector<std::int64_t> hidden{20};  ///< units of each layer between; none: a linear classifier
  HiddenActivation activation = HiddenActivation::sigmoid;
  NetworkStart start = NetworkStart::tiny;
  double deviation = 0.01;  ///< of a tiny start
  int batch = 128;

  /// "mlp:data=mnist,hidden=20,layers=1,activation=sigmoid,init=tiny"; widths that differ are
  /// joined by "-".
  [[nodiscard]] std::string name() const;
  /// Throws DataError without images, and for a width, deviation or batch that cannot be.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;

  /// [n, height, width, channels] to [n, classes].
  [[nodiscard]] Var logits(const Bound& theta, Var pictures) const;
};

}  // namespace metatape::tasks
