// binary.cpp: arithmetic of two Vars with broadcasting. Each op is a struct of formulas; the loops
// and the summing of adjoints over stretched axes are written once, in Binary.
#include "metatape/autodiff/ops/binary.hpp"

#include <cmath>

#include "broadcasting.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

template <class T, class F>
inline void run_binary(const T* a, const T* b, T* y, std::int64_t n, std::int64_t sa,
                       std::int64_t sb, const F& f) {
  if (sa == 1 && sb == 1)
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  else if (sa == 1 && sb == 0)
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], *b);
  else
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i * sa], b[i * sb]);
}

// Formula: value(a, b); slopes d_a(a, b, y), d_b(a, b, y); the recorded pullback.
template <class Formula>
struct Binary {
  static constexpr const char* name = Formula::name;

  template <Scalar T>
  static void forward(const Forward& c) {
    const T *a = c.input<T>(0), *b = c.input<T>(1);
    T* y = c.output<T>();
    if (c.input_shape(0) == c.input_shape(1)) {
      run_binary(a, b, y, c.size(), 1, 1, Formula::template value<T>);
      return;
    }
    for_each_run(broadcasting(c.input_shape(0), c.input_shape(1), c.shape()),
                 [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t n,
                     std::int64_t sa, std::int64_t sb) {
                   run_binary(a + ia, b + ib, y + o, n, sa, sb, Formula::template value<T>);
                 });
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const bool alike = c.input_shape(0) == c.input_shape(1);
    if (c.wants(0)) alike ? accumulate<T, 0>(c) : accumulate_stretched<T, 0>(c);
    if (c.wants(1)) alike ? accumulate<T, 1>(c) : accumulate_stretched<T, 1>(c);
  }

  // By the input's number and not by a pointer to the formula, so that loops are made of it.
  template <int input, Scalar T>
  static T slope(T a, T b, T y) {
    return input == 0 ? Formula::template d_a<T>(a, b, y) : Formula::template d_b<T>(a, b, y);
  }

  template <Scalar T, int input>
  static void accumulate(const Pullback& c) {
    const T *a = c.input<T>(0), *b = c.input<T>(1), *y = c.output<T>(), *g = c.gradient<T>();
    const std::int64_t n = c.size();
    bool fresh = false;
    T* d = c.adjoint<T>(input, fresh);
    if (fresh)
      for (std::int64_t i = 0; i < n; ++i) d[i] = g[i] * slope<input>(a[i], b[i], y[i]);
    else
      for (std::int64_t i = 0; i < n; ++i) d[i] += g[i] * slope<input>(a[i], b[i], y[i]);
  }

  template <Scalar T, int input>
  static void accumulate_stretched(const Pullback& c) {
    const T *a = c.input<T>(0), *b = c.input<T>(1), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(input);
    for_each_run(broadcasting(c.input_shape(0), c.input_shape(1), c.shape()),
                 [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t n,
                     std::int64_t sa, std::int64_t sb) {
                   run_slopes<input>(a + ia, b + ib, y + o, g + o, d + (input == 0 ? ia : ib), n,
                                     sa, sb);
                 });
  }

  // A run's steps are 1, or 0 where an input is stretched.
  template <int input, Scalar T>
  static void run_slopes(const T* a, const T* b, const T* y, const T* g, T* d, std::int64_t n,
                         std::int64_t sa, std::int64_t sb) {
    if ((input == 0 ? sa : sb) == 0) {
      T sum{0};
      for (std::int64_t i = 0; i < n; ++i) sum += g[i] * slope<input>(a[i * sa], b[i * sb], y[i]);
      *d += sum;
    } else if (sa == 1 && sb == 1) {
      for (std::int64_t i = 0; i < n; ++i) d[i] += g[i] * slope<input>(a[i], b[i], y[i]);
    } else {
      const T other = input == 0 ? *b : *a;
      for (std::int64_t i = 0; i < n; ++i)
        d[i] +=
            g[i] * (input == 0 ? slope<input>(a[i], other, y[i]) : slope<input>(other, b[i], y[i]));
    }
  }

  static void recorded(const Recorded& c) {
    if (c.wants(0)) c.add(0, sum_to(Formula::to_a(c), c.input_shape(0)));
    if (c.wants(1)) c.add(1, sum_to(Formula::to_b(c), c.input_shape(1)));
  }
};

template <class Formula>
Var record_binary(Var a, Var b) {
  const Shape &sa = a.shape(), &sb = b.shape();
  if (sa == sb) return record<Binary<Formula>>({a, b}, sa);
  return record<Binary<Formula>>({a, b}, broadcast(sa, sb, Formula::name));
}

struct Add {
  static constexpr const char* name = "add";
  template <Scalar T>
  static T value(T a, T b) {
    return a + b;
  }
  template <Scalar T>
  static T d_a(T, T, T) {
    return T{1};
  }
  template <Scalar T>
  static T d_b(T, T, T) {
    return T{1};
  }
  static Var to_a(const Recorded& c) { return c.gradient(); }
  static Var to_b(const Recorded& c) { return c.gradient(); }
};

struct Sub {
  static constexpr const char* name = "sub";
  template <Scalar T>
  static T value(T a, T b) {
    return a - b;
  }
  template <Scalar T>
  static T d_a(T, T, T) {
    return T{1};
  }
  template <Scalar T>
  static T d_b(T, T, T) {
    return T{-1};
  }
  static Var to_a(const Recorded& c) { return c.gradient(); }
  static Var to_b(const Recorded& c) { return affine(c.gradient(), -1, 0); }
};

struct Mul {
  static constexpr const char* name = "mul";
  template <Scalar T>
  static T value(T a, T b) {
    return a * b;
  }
  template <Scalar T>
  static T d_a(T, T b, T) {
    return b;
  }
  template <Scalar T>
  static T d_b(T a, T, T) {
    return a;
  }
  static Var to_a(const Recorded& c) { return c.gradient() * c.input(1); }
  static Var to_b(const Recorded& c) { return c.gradient() * c.input(0); }
};

struct Div {
  static constexpr const char* name = "div";
  template <Scalar T>
  static T value(T a, T b) {
    return a / b;
  }
  template <Scalar T>
  static T d_a(T, T b, T) {
    return T{1} / b;
  }
  template <Scalar T>
  static T d_b(T, T b, T y) {
    return -y / b;
  }
  static Var to_a(const Recorded& c) { return c.gradient() / c.input(1); }
  static Var to_b(const Recorded& c) {
    return affine(c.gradient() * c.output() / c.input(1), -1, 0);
  }
};

struct PowerOf {
  static constexpr const char* name = "pow";
  template <Scalar T>
  static T value(T a, T b) {
    return std::pow(a, b);
  }
  template <Scalar T>
  static T d_a(T a, T b, T) {
    return b == 0 ? T{0} : b * std::pow(a, b - 1);
  }
  template <Scalar T>
  static T d_b(T a, T, T y) {
    return y == 0 ? T{0} : y * std::log(a);
  }
  static Var to_a(const Recorded& c) {
    return c.gradient() * c.input(1) * pow(c.input(0), c.input(1) - 1.0);
  }
  static Var to_b(const Recorded& c) { return c.gradient() * c.output() * log(c.input(0)); }
};

// The larger (or smaller); NaN wins; where equal, each gets half of the gradient.
template <bool larger>
struct Extreme {
  static constexpr const char* name = larger ? "maximum" : "minimum";
  template <Scalar T>
  static bool first(T a, T b) {
    return larger ? a > b : a < b;
  }
  template <Scalar T>
  static T value(T a, T b) {
    return a != a || first(a, b) ? a : b;
  }
  template <Scalar T>
  static T d_a(T a, T b, T) {
    return a == b ? T(0.5) : first(a, b) ? T{1} : T{0};
  }
  template <Scalar T>
  static T d_b(T a, T b, T) {
    return a == b ? T(0.5) : first(b, a) ? T{1} : T{0};
  }
  static Var share(Var g, Var mine, Var other) {
    return g * (0.5 * equal(mine, other) + (larger ? greater(mine, other) : less(mine, other)));
  }
  static Var to_a(const Recorded& c) { return share(c.gradient(), c.input(0), c.input(1)); }
  static Var to_b(const Recorded& c) { return share(c.gradient(), c.input(1), c.input(0)); }
};

// 1 where it holds, 0 elsewhere; no pullback.
template <class Holds>
struct Comparison {
  static constexpr const char* name = Holds::name;
  template <Scalar T>
  static void forward(const Forward& c) {
    const T *a = c.input<T>(0), *b = c.input<T>(1);
    T* y = c.output<T>();
    for_each_run(broadcasting(c.input_shape(0), c.input_shape(1), c.shape()),
                 [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t n,
                     std::int64_t sa, std::int64_t sb) {
                   run_binary(a + ia, b + ib, y + o, n, sa, sb,
                              [](T u, T v) { return Holds::holds(u, v) ? T{1} : T{0}; });
                 });
  }
};

struct Equal {
  static constexpr const char* name = "equal";
  static bool holds(auto a, auto b) { return a == b; }
};
struct Less {
  static constexpr const char* name = "less";
  static bool holds(auto a, auto b) { return a < b; }
};
struct LessEqual {
  static constexpr const char* name = "less_equal";
  static bool holds(auto a, auto b) { return a <= b; }
};
struct Greater {
  static constexpr const char* name = "greater";
  static bool holds(auto a, auto b) { return a > b; }
};
struct GreaterEqual {
  static constexpr const char* name = "greater_equal";
  static bool holds(auto a, auto b) { return a >= b; }
};

template <class Holds>
Var compare(Var a, Var b) {
  const Undo undo(a, Holds::name);
  const Shape shape = broadcast(a.shape(), b.shape(), Holds::name);
  return record<Comparison<Holds>>({stop_gradient(a), stop_gradient(b)}, shape);
}

// y = mask ? a : b, equal shapes            da += mask g, db += (1 - mask) g
struct Where {
  static constexpr const char* name = "where";
  template <Scalar T>
  static void forward(const Forward& c) {
    const T *m = c.input<T>(0), *a = c.input<T>(1), *b = c.input<T>(2);
    T* y = c.output<T>();
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) y[i] = m[i] != 0 ? a[i] : b[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T *m = c.input<T>(0), *g = c.gradient<T>();
    for (const int input : {1, 2}) {
      if (!c.wants(input)) continue;
      T* d = c.adjoint<T>(input);
      for (std::int64_t i = 0, n = c.size(); i < n; ++i)
        if ((m[i] != 0) == (input == 1)) d[i] += g[i];
    }
  }
  static void recorded(const Recorded& c) {
    const Var zero = c.gradient().tape().constant(0, c.dtype());
    if (c.wants(1)) c.add(1, where(c.input(0), c.gradient(), zero));
    if (c.wants(2)) c.add(2, where(c.input(0), zero, c.gradient()));
  }
};

// y = factor / x            dx -= g y / x
struct Over {
  struct Attributes {
    double factor;
  };
  static constexpr const char* name = "over";
  template <Scalar T>
  static void forward(const Forward& c) {
    const auto f = static_cast<T>(c.attributes<Attributes>().factor);
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) c.output<T>()[i] = f / c.input<T>(0)[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) d[i] -= g[i] * y[i] / x[i];
  }
  static void recorded(const Recorded& c) { c.add(0, neg(c.gradient() * c.output() / c.input(0))); }
};

// y = factor a + offset            da += factor g
struct Affine {
  struct Attributes {
    double factor, offset;
  };
  static constexpr const char* name = "affine";

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto f = static_cast<T>(c.attributes<Attributes>().factor);
    const auto o = static_cast<T>(c.attributes<Attributes>().offset);
    const T* a = c.input<T>(0);
    T* y = c.output<T>();
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) y[i] = f * a[i] + o;
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto f = static_cast<T>(c.attributes<Attributes>().factor);
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0, n = c.size(); i < n; ++i) d[i] += f * g[i];
  }
  static void recorded(const Recorded& c) {
    c.add(0, affine(c.gradient(), c.attributes<Attributes>().factor, 0));
  }
};

}  // namespace ops

Var add(Var a, Var b) { return ops::record_binary<ops::Add>(a, b); }
Var sub(Var a, Var b) { return ops::record_binary<ops::Sub>(a, b); }
Var mul(Var a, Var b) { return ops::record_binary<ops::Mul>(a, b); }
Var div(Var a, Var b) { return ops::record_binary<ops::Div>(a, b); }

Var pow(Var base, Var exponent) { return ops::record_binary<ops::PowerOf>(base, exponent); }
Var maximum(Var a, Var b) { return ops::record_binary<ops::Extreme<true>>(a, b); }
Var minimum(Var a, Var b) { return ops::record_binary<ops::Extreme<false>>(a, b); }
Var equal(Var a, Var b) { return ops::compare<ops::Equal>(a, b); }
Var less(Var a, Var b) { return ops::compare<ops::Less>(a, b); }
Var less_equal(Var a, Var b) { return ops::compare<ops::LessEqual>(a, b); }
Var greater(Var a, Var b) { return ops::compare<ops::Greater>(a, b); }
Var greater_equal(Var a, Var b) { return ops::compare<ops::GreaterEqual>(a, b); }

Var where(Var mask, Var a, Var b) {
  const Undo undo(mask, "where");
  const Shape shape = broadcast(mask.shape(), broadcast(a.shape(), b.shape(), "where"), "where");
  return record<ops::Where>(
      {broadcast_to(stop_gradient(mask), shape), broadcast_to(a, shape), broadcast_to(b, shape)},
      shape);
}

Var affine(Var a, double factor, double offset) {
  return record<ops::Affine>({a}, a.shape(), {factor, offset});
}

Var operator+(Var a, Var b) { return add(a, b); }
Var operator-(Var a, Var b) { return sub(a, b); }
Var operator*(Var a, Var b) { return mul(a, b); }
Var operator/(Var a, Var b) { return div(a, b); }
Var operator+(Var a, double b) { return affine(a, 1, b); }
Var operator-(Var a, double b) { return affine(a, 1, -b); }
Var operator*(Var a, double b) { return affine(a, b, 0); }
Var operator/(Var a, double b) { return affine(a, 1 / b, 0); }
Var operator+(double a, Var b) { return affine(b, 1, a); }
Var operator-(double a, Var b) { return affine(b, -1, a); }
Var operator*(double a, Var b) { return affine(b, a, 0); }
Var operator/(double a, Var b) { return record<ops::Over>({b}, b.shape(), {a}); }
Var operator+(Var a, const Tensor& b) { return add(a, a.tape().constant(b)); }
Var operator-(Var a, const Tensor& b) { return sub(a, a.tape().constant(b)); }
Var operator*(Var a, const Tensor& b) { return mul(a, a.tape().constant(b)); }
Var operator/(Var a, const Tensor& b) { return div(a, a.tape().constant(b)); }
Var operator+(const Tensor& a, Var b) { return add(b.tape().constant(a), b); }
Var operator-(const Tensor& a, Var b) { return sub(b.tape().constant(a), b); }
Var operator*(const Tensor& a, Var b) { return mul(b.tape().constant(a), b); }
Var operator/(const Tensor& a, Var b) { return div(b.tape().constant(a), b); }

}  // namespace metatape
