// elementwise.cpp: functions of one Var. Each is a struct of three formulas (value, slope, slope
// over Vars); the loops are written once, in Unary.
#include "metatape/autodiff/ops/elementwise.hpp"

#include <cmath>
#include <numbers>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

namespace {

// Numbers that a formula depends on: an exponent, a slope, bounds.
struct Constants {
  double a = 0, b = 0;
};

template <class Formula>
struct Unary {
  using Attributes = Constants;
  static constexpr const char* name = Formula::name;

  template <Scalar T>
  static void forward(const Forward& c) {
    const Constants k = c.attributes<Constants>();
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) y[i] = Formula::value(x[i], k);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Constants k = c.attributes<Constants>();
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    if (fresh)
      for (std::int64_t i = 0, n = c.size(); i < n; ++i)
        d[i] = g[i] * Formula::slope(x[i], y[i], k);
    else
      for (std::int64_t i = 0, n = c.size(); i < n; ++i)
        d[i] += g[i] * Formula::slope(x[i], y[i], k);
  }
  static void recorded(const Recorded& c) {
    c.add(0, c.gradient() * Formula::slope(c.input(0), c.output(), c.attributes<Constants>()));
  }
};

template <class Formula>
Var record_unary(Var x, const Constants& constants = {}) {
  return record<Unary<Formula>>({x}, x.shape(), constants);
}

// A formula has `value(x, k)` and `slope(x, y, k)` for numbers and `slope(x, y, k)` for Vars.

struct Exp {
  static constexpr const char* name = "exp";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::exp(x);
  }
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return y;
  }
  static Var slope(Var, Var y, const Constants&) { return y; }
};

struct Expm1 {
  static constexpr const char* name = "expm1";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::expm1(x);
  }
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return y + 1;
  }
  static Var slope(Var, Var y, const Constants&) { return y + 1.0; }
};

struct Log {
  static constexpr const char* name = "log";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::log(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return 1 / x;
  }
  static Var slope(Var x, Var, const Constants&) { return 1.0 / x; }
};

struct Log1p {
  static constexpr const char* name = "log1p";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::log1p(x);
  }
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
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::sin(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return std::cos(x);
  }
  static Var slope(Var x, Var, const Constants&) { return cos(x); }
};

struct Cos {
  static constexpr const char* name = "cos";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::cos(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return -std::sin(x);
  }
  static Var slope(Var x, Var, const Constants&) { return neg(sin(x)); }
};

struct Tanh {
  static constexpr const char* name = "tanh";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::tanh(x);
  }
  template <Scalar T>
  static T slope(T, T y, const Constants&) {
    return 1 - y * y;
  }
  static Var slope(Var, Var y, const Constants&) { return 1.0 - square(y); }
};

template <Scalar T>
T sigmoid_of(T x) {  // e^-|x| never overflows
  const T e = std::exp(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return sigmoid_of(x);
  }
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
  template <Scalar T>
  static T value(T x, const Constants&) {
    return (x > 0 ? x : T{0}) + std::log1p(std::exp(-std::abs(x)));
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return sigmoid_of(x);
  }
  static Var slope(Var x, Var, const Constants&) { return sigmoid(x); }
};

// Φ by erfc, so that the left tail keeps its digits.
template <Scalar T>
T normal_below(T x) {
  return T(0.5) * std::erfc(-x * static_cast<T>(std::numbers::sqrt2 / 2));
}
constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;

struct Gelu {
  static constexpr const char* name = "gelu";
  template <Scalar T>
  static T value(T x, const Constants&) {
    return x * normal_below(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return normal_below(x) + x * static_cast<T>(inverse_sqrt_two_pi) * std::exp(T(-0.5) * x * x);
  }
  static Var slope(Var x, Var, const Constants&) {
    const Var below = affine(erf(x * (std::numbers::sqrt2 / 2)), 0.5, 0.5);
    return below + x * inverse_sqrt_two_pi * exp(-0.5 * square(x));
  }
};

struct Erf {
  static constexpr const char* name = "erf";
  static constexpr double factor = 2 * std::numbers::inv_sqrtpi;
  template <Scalar T>
  static T value(T x, const Constants&) {
    return std::erf(x);
  }
  template <Scalar T>
  static T slope(T x, T, const Constants&) {
    return static_cast<T>(factor) * std::exp(-x * x);
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
  static T value(T x, const Constants& k) {
    return std::pow(x, static_cast<T>(k.a));
  }
  template <Scalar T>
  static T slope(T x, T, const Constants& k) {
    return k.a == 0 ? T{0} : static_cast<T>(k.a) * std::pow(x, static_cast<T>(k.a - 1));
  }
  static Var slope(Var x, Var, const Constants& k) {
    return k.a == 0 ? zero_like(x) : k.a * pow(x, k.a - 1);
  }
};

struct Clamp {
  static constexpr const char* name = "clamp";
  template <Scalar T>
  static T value(T x, const Constants& k) {
    return x < static_cast<T>(k.a)   ? static_cast<T>(k.a)
           : x > static_cast<T>(k.b) ? static_cast<T>(k.b)
                                     : x;
  }
  template <Scalar T>
  static T slope(T x, T, const Constants& k) {
    return x >= static_cast<T>(k.a) && x <= static_cast<T>(k.b) ? T{1} : T{0};
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
  return record<ops::StraightThrough>({x, stop_gradient(y)}, x.shape());
}

Var cast(Var x, DType dtype) {
  return dtype == x.dtype() ? x : record_as<ops::Cast>(dtype, {x}, x.shape());
}

}  // namespace metatape
