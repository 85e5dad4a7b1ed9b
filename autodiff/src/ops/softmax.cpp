// softmax.cpp: softmax, its logarithm, and the losses made of them. Each subtracts the largest
// element first, so no exponential overflows.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/rule.hpp"
#include "softmax_loops.hpp"

namespace metatape {

namespace ops {

struct Axis {
  int axis;
};

namespace {

Line line(const Shape& s, int axis) {
  return {s.product(0, axis), s.begin()[axis], s.product(axis + 1, s.rank())};
}

}  // namespace

// y = e^x / Σ e^x            dx += y (g - Σ g y)
struct Softmax {
  using Attributes = Axis;
  static constexpr const char* name = "softmax";

  template <Scalar T>
  static void forward(const Forward& c) {
    softmax_lines(line(c.shape(), c.attributes<Axis>().axis), c.input<T>(0), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    softmax_pullback(line(c.shape(), c.attributes<Axis>().axis), c.output<T>(), c.gradient<T>(), d,
                     !fresh);
  }
  static void recorded(const Recorded& c) {
    const Var y = c.output(), g = c.gradient();
    c.add(0, y * (g - sum(g * y, c.attributes<Axis>().axis, Keep::yes)));
  }
};

// y = x - log Σ e^x            dx += g - e^y Σ g
struct LogSoftmax {
  using Attributes = Axis;
  static constexpr const char* name = "log_softmax";

  template <Scalar T>
  static void forward(const Forward& c) {
    log_softmax_lines(line(c.shape(), c.attributes<Axis>().axis), c.input<T>(0), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    log_softmax_pullback(line(c.shape(), c.attributes<Axis>().axis), c.output<T>(), c.gradient<T>(),
                         d, !fresh);
  }
  static void recorded(const Recorded& c) {
    const Var g = c.gradient();
    c.add(0, g - exp(c.output()) * sum(g, c.attributes<Axis>().axis, Keep::yes));
  }
};

// y = -(1/n) Σ_i log p_i[label_i], p = softmax(x)            dx += g (p - one_hot) / n; keeps p
struct SoftmaxCrossEntropy {
  struct Attributes {
    const std::int32_t* labels;
  };
  static constexpr const char* name = "softmax_cross_entropy";
  static std::int64_t kept(const Forward& c) { return c.input_size(0); }

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t n = c.input_shape(0)[0], k = c.input_shape(0)[1];
    const std::int32_t* labels = c.attributes<Attributes>().labels;
    const T* x = c.input<T>(0);
    T* p = c.kept<T>();
    log_softmax_lines({n, k, 1}, x, p);
    double loss = 0;
    for (std::int64_t i = 0; i < n; ++i) loss -= static_cast<double>(p[i * k + labels[i]]);
    for (std::int64_t i = 0; i < n * k; ++i) p[i] = std::exp(p[i]);
    *c.output<T>() = static_cast<T>(loss / static_cast<double>(n));
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const std::int64_t n = c.input_shape(0)[0], k = c.input_shape(0)[1];
    const std::int32_t* labels = c.attributes<Attributes>().labels;
    const T g = *c.gradient<T>() / static_cast<T>(n);
    const T* p = c.kept<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0; i < n * k; ++i) d[i] += g * p[i];
    for (std::int64_t i = 0; i < n; ++i) d[i * k + labels[i]] -= g;
  }
  static void recorded(const Recorded& c) {
    const std::int64_t n = c.input_shape(0)[0], k = c.input_shape(0)[1];
    const std::int32_t* labels = c.attributes<Attributes>().labels;
    const Indices positions(std::vector<std::int32_t>(labels, labels + n));
    c.add(0, (softmax(c.input(0)) - one_hot(positions, k, c.dtype())) *
                 (c.gradient() * (1.0 / static_cast<double>(n))));
  }
};

}  // namespace ops

Var softmax(Var x, int axis) {
  return record<ops::Softmax>({x}, x.shape(), {x.shape().resolve(axis, "softmax")});
}

Var log_softmax(Var x, int axis) {
  return record<ops::LogSoftmax>({x}, x.shape(), {x.shape().resolve(axis, "log_softmax")});
}

namespace {

void require_rows(const Shape& logits) {
  if (logits.rank() != 2)
    throw ShapeError("softmax_cross_entropy: logits " + to_string(logits) +
                     ": [n, classes] is expected");
  if (logits[0] == 0)
    throw ShapeError("softmax_cross_entropy: logits " + to_string(logits) +
                     ": the mean of nothing is not a loss");
}

void require_equal(const char* op, const Shape& logits, const Shape& targets) {
  if (!(logits == targets))
    throw ShapeError(std::string(op) + ": logits " + to_string(logits) + ", targets " +
                     to_string(targets) + ": equal shapes are needed");
}

}  // namespace

Var softmax_cross_entropy(Var logits, const Indices& labels) {
  const Shape& s = logits.shape();
  require_rows(s);
  if (!(labels.shape() == Shape{s[0]}))
    throw ShapeError("softmax_cross_entropy: logits " + to_string(s) + ", labels " +
                     to_string(labels.shape()) + ": one label a row is needed");
  for (std::int64_t i = 0; i < s[0]; ++i)
    if (labels[i] < 0 || labels[i] >= s[1])
      throw DataError("softmax_cross_entropy: label " + std::to_string(labels[i]) + " at row " +
                      std::to_string(i) + " is not in [0, " + std::to_string(s[1]) + ")");
  return record<ops::SoftmaxCrossEntropy>({logits}, Shape{}, {labels.values().data()}, labels);
}

Var softmax_cross_entropy(Var logits, Var targets) {
  const Shape& s = logits.shape();
  require_rows(s);
  require_equal("softmax_cross_entropy", s, targets.shape());
  const Undo undo(logits, "softmax_cross_entropy");
  return sum(targets * log_softmax(logits)) * (-1.0 / static_cast<double>(s[0]));
}

Var sigmoid_cross_entropy(Var logits, Var targets) {
  const Shape& s = logits.shape();
  require_equal("sigmoid_cross_entropy", s, targets.shape());
  if (s.size() == 0)
    throw ShapeError("sigmoid_cross_entropy: logits " + to_string(s) +
                     ": the mean of nothing is not a loss");
  const Undo undo(logits, "sigmoid_cross_entropy");
  return mean(softplus(logits) - targets * logits);
}

}  // namespace metatape
