#include "metatape/nn/losses.hpp"

#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/reduce.hpp"

namespace metatape::nn {

namespace {

Var difference(const char* op, Var x, Var y) {
  if (!(x.shape() == y.shape()))
    throw ShapeError(std::string(op) + ": " + to_string(x.shape()) + " with " +
                     to_string(y.shape()) + ": equal shapes are needed");
  return x - y;
}

}  // namespace

Var mean_squared_error(Var x, Var y) {
  return mean(square(difference("mean_squared_error", x, y)));
}

// c (d - ½ c) with c = d held to ± delta: one formula for both branches, and of second derivative 1
// where x = y, which a formula by |d| would lose.
Var huber(Var x, Var y, double delta) {
  if (!(delta > 0))
    throw DataError("huber: delta " + std::to_string(delta) + ": more than 0 is needed");
  const Var d = difference("huber", x, y);
  const Var c = clamp(d, -delta, delta);
  return mean(c * (d - 0.5 * c));
}

double accuracy(Var logits, const Indices& labels) {
  if (logits.shape().rank() != 2 || logits.shape()[0] != labels.size() || labels.size() == 0)
    throw ShapeError("accuracy: logits " + to_string(logits.shape()) + " with labels " +
                     to_string(labels.shape()) + ": [n, k] with [n], n >= 1, is expected");
  const Indices best = argmax(logits);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.size(); ++i) right += best[i] == labels[i];
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace metatape::nn
