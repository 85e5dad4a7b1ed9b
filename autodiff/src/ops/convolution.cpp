// convolution.cpp: conv2d and the two gradients of it, each an op of its own. All three are linear
// in both inputs and each one's derivatives are the other two, so any order follows.
#include "metatape/autodiff/ops/convolution.hpp"

#include <string>

#include "convolution_loops.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

namespace {

Var input_gradient(Var g, Var weight, const ConvGeometry& s);
Var weight_gradient(Var g, Var x, const ConvGeometry& s);
Var value(Var x, Var weight, const ConvGeometry& s);

}  // namespace

// y = x * w + bias            dx += input_gradient(g, w), dw += weight_gradient(g, x), dbias += Σ g
// What normalises comes after a convolution without a bias, so one leaves the moments of y.
struct Conv2d {
  struct Attributes {
    ConvGeometry geometry;
    bool leaves_moments;
  };
  static constexpr const char* name = "conv2d";

  static RowBlocks rows(const ConvGeometry& s) { return {s.n * s.pixels(), s.out}; }
  static std::int64_t moments(const Forward& c) {
    const auto& [s, leaves] = c.attributes<Attributes>();
    return leaves && !s.pointwise() ? rows(s).moments() : 0;
  }

  template <Scalar T>
  static void forward(const Forward& c) {
    const ConvGeometry& s = c.attributes<Attributes>().geometry;
    T* y = c.output<T>();
    conv_value(c, s, c.input<T>(0), c.input<T>(1), y, false, {c, rows(s), y, c.moments<T>()});
    if (c.arity() > 2) bias_activation(y, c.input<T>(2), s.n * s.pixels(), s.out, Activation::none);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const ConvGeometry& s = c.attributes<Attributes>().geometry;
    const T* g = c.gradient<T>();
    bool fresh = false;
    if (c.wants(0)) {
      T* d = c.adjoint<T>(0, fresh);
      conv_input_gradient(c, s, g, c.input<T>(1), d, !fresh);
    }
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1, fresh);
      conv_weight_gradient(c, s, g, c.input<T>(0), d, !fresh);
    }
    if (c.arity() > 2 && c.wants(2)) add_column_sums(g, s.n * s.pixels(), s.out, c.adjoint<T>(2));
  }
  static void recorded(const Recorded& c) {
    const ConvGeometry& s = c.attributes<Attributes>().geometry;
    if (c.wants(0)) c.add(0, input_gradient(c.gradient(), c.input(1), s));
    if (c.wants(1)) c.add(1, weight_gradient(c.gradient(), c.input(0), s));
    if (c.arity() > 2 && c.wants(2))
      c.add(2, sum_to(reshape(c.gradient(), Shape{s.n * s.pixels(), s.out}), c.input_shape(2)));
  }
};

// y = Σ over taps of g w, of x's shape            dg += conv(u, w), dw += weight_gradient(g, u)
struct Conv2dInputGradient {
  using Attributes = ConvGeometry;
  static constexpr const char* name = "conv2d_input_gradient";

  template <Scalar T>
  static void forward(const Forward& c) {
    conv_input_gradient(c, c.attributes<Attributes>(), c.input<T>(0), c.input<T>(1), c.output<T>(),
                        false);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const T* u = c.gradient<T>();
    bool fresh = false;
    if (c.wants(0)) {
      T* d = c.adjoint<T>(0, fresh);
      conv_value(c, s, u, c.input<T>(1), d, !fresh);
    }
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1, fresh);
      conv_weight_gradient(c, s, c.input<T>(0), u, d, !fresh);
    }
  }
  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    if (c.wants(0)) c.add(0, value(c.gradient(), c.input(1), s));
    if (c.wants(1)) c.add(1, weight_gradient(c.input(0), c.gradient(), s));
  }
};

// y = Σ over images and pixels of g x, of w's shape      dg += conv(x, u), dx += input_gradient(g,
// u)
struct Conv2dWeightGradient {
  using Attributes = ConvGeometry;
  static constexpr const char* name = "conv2d_weight_gradient";

  template <Scalar T>
  static void forward(const Forward& c) {
    conv_weight_gradient(c, c.attributes<Attributes>(), c.input<T>(0), c.input<T>(1), c.output<T>(),
                         false);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const T* u = c.gradient<T>();
    bool fresh = false;
    if (c.wants(0)) {
      T* d = c.adjoint<T>(0, fresh);
      conv_value(c, s, c.input<T>(1), u, d, !fresh);
    }
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1, fresh);
      conv_input_gradient(c, s, c.input<T>(0), u, d, !fresh);
    }
  }
  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    if (c.wants(0)) c.add(0, value(c.input(1), c.gradient(), s));
    if (c.wants(1)) c.add(1, input_gradient(c.input(0), c.gradient(), s));
  }
};

namespace {

Var input_gradient(Var g, Var weight, const ConvGeometry& s) {
  return record<Conv2dInputGradient>({g, weight}, Shape{s.n, s.h, s.w, s.in}, s);
}
Var weight_gradient(Var g, Var x, const ConvGeometry& s) {
  return record<Conv2dWeightGradient>({g, x}, Shape{s.out, s.in_group(), s.kh, s.kw}, s);
}
Var value(Var x, Var weight, const ConvGeometry& s) {
  return record<Conv2d>({x, weight}, Shape{s.n, s.oh, s.ow, s.out}, {s, false});
}

// What x, weight and options mean together, or a refusal that says what does not fit.
ConvGeometry geometry(const Shape& x, const Shape& weight, const Conv2dOptions& o) {
  const auto reject = [](const std::string& why) { throw ShapeError("conv2d: " + why); };
  const auto at_least = [](const char* what, int value, int least) {
    if (value < least)
      throw DataError("conv2d: " + std::string(what) + " " + std::to_string(value) + ": at least " +
                      std::to_string(least) + " is needed");
  };
  if (x.rank() != 4)
    reject("x " + to_string(x) + ": images [n, height, width, channels] are expected");
  if (weight.rank() != 4 || weight[2] == 0 || weight[3] == 0)
    reject("weight " + to_string(weight) +
           ": [out, in / groups, kernel height, kernel width] is expected");
  for (const int v : o.stride) at_least("stride", v, 1);
  for (const int v : o.padding) at_least("padding", v, 0);
  for (const int v : o.dilation) at_least("dilation", v, 1);
  at_least("groups", o.groups, 1);
  // Made where it is needed alone: a step allocates nothing.
  const auto both = [&] { return "x " + to_string(x) + ", weight " + to_string(weight); };
  if (weight[1] * o.groups != x[3])
    reject(both() + ": the weight takes " + std::to_string(weight[1] * o.groups) +
           " channels, x has " + std::to_string(x[3]));
  if (weight[0] % o.groups != 0)
    reject(both() + ": " + std::to_string(weight[0]) + " filters are not a multiple of " +
           std::to_string(o.groups) + " groups");
  ConvGeometry s{};
  s.n = x[0], s.h = x[1], s.w = x[2], s.in = x[3];
  s.out = weight[0], s.kh = weight[2], s.kw = weight[3], s.groups = o.groups;
  std::array<std::int64_t, 2> result{};
  for (int axis = 0; axis < 2; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    s.stride[i] = o.stride[i], s.padding[i] = o.padding[i], s.dilation[i] = o.dilation[i];
    const std::int64_t padded = x[1 + axis] + 2 * s.padding[i];
    const std::int64_t span = s.dilation[i] * (weight[2 + axis] - 1) + 1;
    if (span > padded)
      reject(both() + ": the kernel spans " + std::to_string(span) +
             (axis == 0 ? " rows" : " columns") + ", the padded image has " +
             std::to_string(padded));
    result[i] = (padded - span) / s.stride[i] + 1;
  }
  s.oh = result[0], s.ow = result[1];
  return s;
}

}  // namespace

}  // namespace ops

Var conv2d(Var x, Var weight, Var bias, const Conv2dOptions& options) {
  const ops::ConvGeometry s = ops::geometry(x.shape(), weight.shape(), options);
  const Shape y{s.n, s.oh, s.ow, s.out};
  if (detail::TapeState::is_none(bias)) return record<ops::Conv2d>({x, weight}, y, {s, true});
  if (!(bias.shape() == Shape{s.out}))
    throw ShapeError("conv2d: bias " + to_string(bias.shape()) + ", weight " +
                     to_string(weight.shape()) + ": bias must be [" + std::to_string(s.out) + "]");
  return record<ops::Conv2d>({x, weight, bias}, y, {s, false});
}

Var conv2d(Var x, Var weight, const Conv2dOptions& options) {
  return conv2d(x, weight, Var{}, options);
}

}  // namespace metatape
