#include "metatape/nn/losses.hpp"

#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/reduce.hpp"

namespace metatape::nn {

namespace {

Var difference(const char* op, Var x, Var target) {
  if (!(x.shape() == target.shape()))
    throw ShapeError(std::string(op) + ": x " + to_string(x.shape()) + ", target " +
                     to_string(target.shape()) + ": equal shapes are needed");
  return x - target;
}

void require_rows(const char* op, Var x, const Indices& labels) {
  if (x.shape().rank() != 2 || !(labels.shape() == Shape{x.shape()[0]}) || labels.size() == 0)
    throw ShapeError(std::string(op) + ": " + to_string(x.shape()) + " with labels " +
                     to_string(labels.shape()) + ": [n, k] with [n], n >= 1, is expected");
}

}  // namespace

Var cross_entropy(Var logits, const Indices& labels, double smoothing) {
  if (!(smoothing >= 0 && smoothing < 1))
    throw DataError("cross_entropy: smoothing " + std::to_string(smoothing) + " is not in [0, 1)");
  const Var hard = softmax_cross_entropy(logits, labels);
  return smoothing == 0 ? hard : (1 - smoothing) * hard - smoothing * mean(log_softmax(logits));
}

Var negative_log_likelihood(Var log_probabilities, const Indices& labels) {
  require_rows("negative_log_likelihood", log_probabilities, labels);
  return -mean(pick(log_probabilities, labels));
}

Var binary_cross_entropy(Var logits, Var targets) { return sigmoid_cross_entropy(logits, targets); }

Var mean_squared_error(Var x, Var target) {
  return mean(square(difference("mean_squared_error", x, target)));
}

Var mean_absolute_error(Var x, Var target) {
  return mean(abs(difference("mean_absolute_error", x, target)));
}

// With c = d held to ±delta, c (d - c/2) is d²/2 inside and delta (|d| - delta/2) beyond.
Var huber(Var x, Var target, double delta) {
  if (!(delta > 0)) throw DataError("huber: delta " + std::to_string(delta) + " is not above 0");
  const Var d = difference("huber", x, target), c = clamp(d, -delta, delta);
  return mean(c * (d - 0.5 * c));
}

double accuracy(Var logits, const Indices& labels) {
  require_rows("accuracy", logits, labels);
  const Indices said = argmax(logits);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.size(); ++i) right += said[i] == labels[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace metatape::nn
