// elementwise.cpp: functions of one Var. Each is a struct of three formulas (value, slope, slope
// over Vars); the loops are written once, in Unary. A formula that kernels/elementwise.hpp has for
// arrays names it instead of its value, and where the slope is one too, instead of its slope.
#include "metatape/autodiff/ops/elementwise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "kernels/elementwise.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/rule.hpp"
#include "products.hpp"

namespace metatape {

namespace ops {

namespace {

// Numbers that a formula depends on: an exponent, a slope, bounds.
struct Constants {
  double a = 0, b = 0;
};

// Calls f(first, count) for stretches of n elements, over the threads.
template <class Context, class F>
void for_each_stretch(const Context& c, std::int64_t n, const F& f) {
  constexpr std::int64_t each = 16384;
  run_blocks(c, (n + each - 1) / each,
             [&](std::int64_t b, int) { f(b * each, std::min(each, n - b * each)); });
}

// y = f(x) and d (add ? += : =) g f'(x), for n elements
template <class Formula, Scalar T>
void values(const Constants& k, std::int64_t n, const T* x, T* y) {
  if constexpr (requires { Formula::function; })
    kernel::map(Formula::function, x, y, n);
  else if constexpr (requires { Formula::values(k, n, x, y); })
    Formula::values(k, n, x, y);
  else
    for (std::int64_t i = 0; i < n; ++i) y[i] = Formula::value(x[i], k);
}
template <class Formula, Scalar T>
void chain(const Constants& k, std::int64_t n, const T* x, const T* y, const T* g, T* d, bool add) {
  constexpr std::int64_t each = 256;
  T slope[each];  // apart from the product: compilers make vectors of both loops, not of one
  for (std::int64_t at = 0; at < n; at += each) {
    const std::int64_t m = std::min(each, n - at);
    if constexpr (requires { Formula::slopes(k, n, x, d); })
      Formula::slopes(k, m, x + at, slope);
    else
      for (std::int64_t i = 0; i < m; ++i) slope[i] = Formula::slope(x[at + i], y[at + i], k);
    if (add)
      for (std::int64_t i = 0; i < m; ++i) d[at + i] += g[at + i] * slope[i];
    else
      for (std::int64_t i = 0; i < m; ++i) d[at + i] = g[at + i] * slope[i];
  }
}

template <class Formula>
struct Unary {
  using Attributes = Constants;
  static constexpr const char* name = Formula::name;

  template <Scalar T>
  static void forward(const Forward& c) {
    for_each_stretch(c, c.size(), [&](std::int64_t i, std::int64_t n) {
      values<Formula>(c.attributes<Constants>(), n, c.input<T>(0) + i, c.output<T>() + i);
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    bool fresh = false;
    T* const d = c.adjoint<T>(0, fresh);
    for_each_stretch(c, c.size(), [&](std::int64_t i, std::int64_t n) {
      chain<Formula>(c.attributes<Constants>(), n, c.input<T>(0) + i, c.output<T>() + i,
                     c.gradient<T>() + i, d + i, !fresh);
    });
  }
  static void recorded(const Recorded& c) {
    c.add(0, c.gradient() * Formula::slope(c.input(0), c.output(), c.attributes<Constants>()));
  }
};

template <class Formula>
Var record_unary(Var x, const Constants& constants = {}) {
  return record<Unary<Formula>>({x}, x.shape(), constants);
}

// A formula has `value(x, k)` and `slope(x, y, k)` for numbers and `slope(x, y, k)` for Vars; or
// `function` (or `values`) and `slopes` for arrays.

struct Exp {
  static constexpr const char* name = "exp";
  static constexpr auto function = kernel::Function::exp;
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return y;
  }
  static Var slope(Var, Var y, const Constants&) { return y; }
};

struct Expm1 {
  static constexpr const char* name = "expm1";
  static constexpr auto function = kernel::Function::expm1;
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return y + 1;
  }
  static Var slope(Var, Var y, const Constants&) { return y + 1.0; }
};

struct Log {
  static constexpr const char* name = "log";
  static constexpr auto function = kernel::Function::log;
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return 1 / x;
  }
  static Var slope(Var x, Var, const Constants&) { return 1.0 / x; }
};

struct Log1p {
  static constexpr const char* name = "log1p";
  static constexpr auto function = kernel::Function::log1p;
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return 1 / (1 + x);
  }
  static Var slope(Var x, Var, const Constants&) { return 1.0 / (1.0 + x); }
};

struct Sqrt {
  static constexpr const char* name = "sqrt";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::sqrt(x);
  }
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return T(0.5) / y;
  }
  static Var slope(Var, Var y, const Constants&) { return 0.5 / y; }
};

struct Rsqrt {
  static constexpr const char* name = "rsqrt";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return 1 / std::sqrt(x);
  }
  template <Scalar T>
  static T slope(T x, T y, const Constants&) {
    return T(-0.5) * y / x;
  }
  static Var slope(Var x, Var y, const Constants&) { return -0.5 * y / x; }
};

struct Square {
  static constexpr const char* name = "square";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return x * x;
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return 2 * x;
  }
  static Var slope(Var x, Var, const Constants&) { return 2.0 * x; }
};

template <Scalar T>
T sign_of(T x) {
  return x > 0 ? T{1} : x < 0 ? T{-1} : x;  // 0 stays 0, NaN stays NaN
}

struct Abs {
  static constexpr const char* name = "abs";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::abs(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return sign_of(x);
  }
  static Var slope(Var x, Var, const Constants&) { return sign(x); }
};

struct Sign {
  static constexpr const char* name = "sign";
  template <Scalar T>
  static void forward(const Forward& c) {
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) c.output<T>()[i] = sign_of(c.input<T>(0)[i]);
  }
};

struct Sin {
  static constexpr const char* name = "sin";
  static constexpr auto function = kernel::Function::sin;
  template <Scalar T>
  static void slopes(const Constants&, std::int64_t n, const T* x, T* slope) {
    kernel::map(kernel::Function::cos, x, slope, n);
  }
  static Var slope(Var x, Var, const Constants&) { return cos(x); }
};

struct Cos {
  static constexpr const char* name = "cos";
  static constexpr auto function = kernel::Function::cos;
  template <Scalar T>
  static void slopes(const Constants&, std::int64_t n, const T* x, T* slope) {
    kernel::map(kernel::Function::sin, x, slope, n);
    for (std::int64_t i = 0; i < n; ++i) slope[i] = -slope[i];
  }
  static Var slope(Var x, Var, const Constants&) { return neg(sin(x)); }
};

struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr auto function = kernel::Function::tanh;
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return 1 - y * y;
  }
  static Var slope(Var, Var y, const Constants&) { return 1.0 - square(y); }
};

struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr auto function = kernel::Function::sigmoid;
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return y * (1 - y);
  }
  static Var slope(Var, Var y, const Constants&) { return y * (1.0 - y); }
};

Var zero_like(Var x) { return x.tape().constant(0, x.dtype()); }
Var is_positive(Var x) { return greater(x, zero_like(x)); }

struct Relu {
  static constexpr const char* name = "relu";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return x < 0 ? T{0} : x;
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return x > 0 ? T{1} : T{0};
  }
  static Var slope(Var x, Var, const Constants&) { return is_positive(x); }
};

struct LeakyRelu {
  static constexpr const char* name = "leaky_relu";
  template <Scalar T>
  static T value(T x, const Constants& k) {
    return x < 0 ? static_cast<T>(k.a) * x : x;
  }
  template <Scalar T>
  static T slope(T x, T, const Constants& k) {
    return x > 0 ? T{1} : static_cast<T>(k.a);
  }
  static Var slope(Var x, Var, const Constants& k) { return affine(is_positive(x), 1 - k.a, k.a); }
};

struct Elu {
  static constexpr const char* name = "elu";
  template <Scalar T>
  static T value(T x, const Constants& k) {
    return x > 0 ? x : static_cast<T>(k.a) * std::expm1(x);
  }
  template <Scalar T>
  static T slope(T x, T y, const Constants& k) {
    return x > 0 ? T{1} : y + static_cast<T>(k.a);
  }
  static Var slope(Var x, Var y, const Constants& k) {
    const Var positive = is_positive(x);
    return positive + (1.0 - positive) * (y + k.a);
  }
};

struct Softplus {
  static constexpr const char* name = "softplus";
  static constexpr auto function = kernel::Function::softplus;
  template <Scalar T>
  static void slopes(const Constants&, std::int64_t n, const T* x, T* slope) {
    kernel::map(kernel::Function::sigmoid, x, slope, n);
  }
  static Var slope(Var x, Var, const Constants&) { return sigmoid(x); }
};

constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;

struct Gelu {
  static constexpr const char* name = "gelu";
  static constexpr auto function = kernel::Function::gelu;
  template <Scalar T>
  static void slopes(const Constants&, std::int64_t n, const T* x, T* slope) {
    kernel::map(kernel::Function::gelu_slope, x, slope, n);
  }
  static Var slope(Var x, Var, const Constants&) {
    const Var below = affine(erf(x * (std::numbers::sqrt2 / 2)), 0.5, 0.5);
    return below + x * inverse_sqrt_two_pi * exp(-0.5 * square(x));
  }
};

struct Erf {
  static constexpr const char* name = "erf";
  static constexpr double factor = 2 * std::numbers::inv_sqrtpi;
  static constexpr auto function = kernel::Function::erf;
  template <Scalar T>
  static void slopes(const Constants&, std::int64_t n, const T* x, T* slope) {
    for (std::int64_t i = 0; i < n; ++i) slope[i] = -x[i] * x[i];
    kernel::map(kernel::Function::exp, slope, slope, n);
    for (std::int64_t i = 0; i < n; ++i) slope[i] *= static_cast<T>(factor);
  }
  static Var slope(Var x, Var, const Constants&) { return factor * exp(neg(square(x))); }
};

struct Asinh {
  static constexpr const char* name = "asinh";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::asinh(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return 1 / std::hypot(T{1}, x);
  }
  static Var slope(Var x, Var, const Constants&) { return rsqrt(1.0 + square(x)); }
};

struct Reciprocal {
  static constexpr const char* name = "reciprocal";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return 1 / x;
  }
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return -y * y;
  }
  static Var slope(Var, Var y, const Constants&) { return neg(square(y)); }
};

struct Power {
  static constexpr const char* name = "pow";
  template <Scalar T>
  static void values(const Constants& k, std::int64_t n, const T* x, T* y) {
    kernel::pow(x, static_cast<T>(k.a), y, n);
  }
  template <Scalar T>
  static void slopes(const Constants& k, std::int64_t n, const T* x, T* slope) {
    if (k.a == 0) return static_cast<void>(std::fill_n(slope, n, T{0}));
    kernel::pow(x, static_cast<T>(k.a - 1), slope, n);
    for (std::int64_t i = 0; i < n; ++i) slope[i] *= static_cast<T>(k.a);
  }
  static Var slope(Var x, Var, const Constants& k) {
    return k.a == 0 ? zero_like(x) : k.a * pow(x, k.a - 1);
  }
};

// Written without a branch: where x lies is as good as random.
struct Clamp {
  static constexpr const char* name = "clamp";
  template <Scalar T>
  static T value(T x, const Constants& k) {
    const T low = static_cast<T>(k.a), high = static_cast<T>(k.b), raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
  template <Scalar T>
  static T slope(T x, T, const Constants& k) {
    const bool above = x >= static_cast<T>(k.a), below = x <= static_cast<T>(k.b);
    return static_cast<T>(above & below);
  }
  static Var slope(Var x, Var, const Constants& k) {
    return greater_equal(x, x.tape().constant(k.a, x.dtype())) *
           less_equal(x, x.tape().constant(k.b, x.dtype()));
  }
};

// value y            dx += g
struct StraightThrough {
  static constexpr const char* name = "straight_through";
  template <Scalar T>
  static void forward(const Forward& c) {
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) c.output<T>()[i] = c.input<T>(1)[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    if (!c.wants(0)) return;
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) d[i] += c.gradient<T>()[i];
  }
  static void recorded(const Recorded& c) {
    if (c.wants(0)) c.add(0, c.gradient());
  }
};

// The pullback's contexts are of the output's type; the input's is the other one.
struct Cast {
  static constexpr const char* name = "cast";
  template <Scalar T>
  static void forward(const Forward& c) {
    using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
    for (std::int64_t i = 0, n = c.size(); i < n; ++i)
      c.output<T>()[i] = static_cast<T>(c.input<Other>(0)[i]);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
    Other* d = c.adjoint<Other>(0);
    for (std::int64_t i = 0, n = c.size(); i < n; ++i)
      d[i] += static_cast<Other>(c.gradient<T>()[i]);
  }
  static void recorded(const Recorded& c) { c.add(0, cast(c.gradient(), c.input_dtype(0))); }
};

}  // namespace

}  // namespace ops

Var neg(Var x) { return affine(x, -1, 0); }
Var operator-(Var x) { return affine(x, -1, 0); }
Var exp(Var x) { return ops::record_unary<ops::Exp>(x); }
Var expm1(Var x) { return ops::record_unary<ops::Expm1>(x); }
Var log(Var x) { return ops::record_unary<ops::Log>(x); }
Var log1p(Var x) { return ops::record_unary<ops::Log1p>(x); }
Var sqrt(Var x) { return ops::record_unary<ops::Sqrt>(x); }
Var rsqrt(Var x) { return ops::record_unary<ops::Rsqrt>(x); }
Var square(Var x) { return ops::record_unary<ops::Square>(x); }
Var abs(Var x) { return ops::record_unary<ops::Abs>(x); }
Var sign(Var x) { return record<ops::Sign>({stop_gradient(x)}, x.shape()); }
Var sin(Var x) { return ops::record_unary<ops::Sin>(x); }
Var cos(Var x) { return ops::record_unary<ops::Cos>(x); }
Var tanh(Var x) { return ops::record_unary<ops::Tanh>(x); }
Var sigmoid(Var x) { return ops::record_unary<ops::Sigmoid>(x); }
Var relu(Var x) { return ops::record_unary<ops::Relu>(x); }
Var leaky_relu(Var x, double slope) { return ops::record_unary<ops::LeakyRelu>(x, {slope, 0}); }
Var elu(Var x, double alpha) { return ops::record_unary<ops::Elu>(x, {alpha, 0}); }
Var softplus(Var x) { return ops::record_unary<ops::Softplus>(x); }
Var gelu(Var x) { return ops::record_unary<ops::Gelu>(x); }
Var erf(Var x) { return ops::record_unary<ops::Erf>(x); }
Var asinh(Var x) { return ops::record_unary<ops::Asinh>(x); }
Var reciprocal(Var x) { return ops::record_unary<ops::Reciprocal>(x); }
Var pow(Var x, double exponent) { return ops::record_unary<ops::Power>(x, {exponent, 0}); }

Var clamp(Var x, double low, double high) {
  if (!(low <= high))
    throw DataError("clamp: low " + std::to_string(low) + " is not below high " +
                    std::to_string(high));
  return ops::record_unary<ops::Clamp>(x, {low, high});
}

Var straight_through(Var x, Var y) {
  if (x.shape() != y.shape())
    throw ShapeError("straight_through: " + to_string(x.shape()) + " and " + to_string(y.shape()) +
                     " differ");
  const Undo undo(x, "straight_through");
  return record<ops::StraightThrough>({x, stop_gradient(y)}, x.shape());
}

Var cast(Var x, DType dtype) {
  return dtype == x.dtype() ? x : record_as<ops::Cast>(dtype, {x}, x.shape());
}

}  // namespace metatape
