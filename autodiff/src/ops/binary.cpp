// binary.cpp: arithmetic of two Vars with broadcasting. Each op is a struct of formulas; the loops
// and the summing of adjoints over stretched axes are written once, in Binary.
#include "metatape/autodiff/ops/binary.hpp"

#include "broadcasting.hpp"
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
    if (c.wants(0)) accumulate<T, 0>(c, Formula::template d_a<T>);
    if (c.wants(1)) accumulate<T, 1>(c, Formula::template d_b<T>);
  }

  template <Scalar T, int input, class Slope>
  static void accumulate(const Pullback& c, const Slope& slope) {
    const T *a = c.input<T>(0), *b = c.input<T>(1), *y = c.output<T>(), *g = c.gradient<T>();
    if (c.input_shape(0) == c.input_shape(1)) {
      bool fresh = false;
      T* d = c.adjoint<T>(input, fresh);
      if (fresh)
        for (std::int64_t i = 0, n = c.size(); i < n; ++i) d[i] = g[i] * slope(a[i], b[i], y[i]);
      else
        for (std::int64_t i = 0, n = c.size(); i < n; ++i) d[i] += g[i] * slope(a[i], b[i], y[i]);
      return;
    }
    T* d = c.adjoint<T>(input);
    for_each_run(broadcasting(c.input_shape(0), c.input_shape(1), c.shape()),
                 [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t n,
                     std::int64_t sa, std::int64_t sb) {
                   const std::int64_t step = input == 0 ? sa : sb;
                   T* to = d + (input == 0 ? ia : ib);
                   const auto term = [&](std::int64_t i) {
                     return g[o + i] * slope(a[ia + i * sa], b[ib + i * sb], y[o + i]);
                   };
                   if (step == 0) {
                     T sum{0};
                     for (std::int64_t i = 0; i < n; ++i) sum += term(i);
                     *to += sum;
                   } else {
                     for (std::int64_t i = 0; i < n; ++i) to[i * step] += term(i);
                   }
                 });
  }

  static void recorded(const Recorded& c) {
    if (c.wants(0)) c.add(0, sum_to(Formula::to_a(c), c.input_shape(0)));
    if (c.wants(1)) c.add(1, sum_to(Formula::to_b(c), c.input_shape(1)));
  }
};

template <class Formula>
Var record_binary(Var a, Var b) {
  return record<Binary<Formula>>({a, b}, broadcast(a.shape(), b.shape(), Formula::name));
}

struct Add {
  static constexpr const char* name = "add";
  template <Scalar T>
  static T value(T a, T b) { return a + b; }
  template <Scalar T>
  static T d_a(T, T, T) { return T{1}; }
  template <Scalar T>
  static T d_b(T, T, T) { return T{1}; }
  static Var to_a(const Recorded& c) { return c.gradient(); }
  static Var to_b(const Recorded& c) { return c.gradient(); }
};

struct Sub {
  static constexpr const char* name = "sub";
  template <Scalar T>
  static T value(T a, T b) { return a - b; }
  template <Scalar T>
  static T d_a(T, T, T) { return T{1}; }
  template <Scalar T>
  static T d_b(T, T, T) { return T{-1}; }
  static Var to_a(const Recorded& c) { return c.gradient(); }
  static Var to_b(const Recorded& c) { return affine(c.gradient(), -1, 0); }
};

struct Mul {
  static constexpr const char* name = "mul";
  template <Scalar T>
  static T value(T a, T b) { return a * b; }
  template <Scalar T>
  static T d_a(T, T b, T) { return b; }
  template <Scalar T>
  static T d_b(T a, T, T) { return a; }
  static Var to_a(const Recorded& c) { return c.gradient() * c.input(1); }
  static Var to_b(const Recorded& c) { return c.gradient() * c.input(0); }
};

struct Div {
  static constexpr const char* name = "div";
  template <Scalar T>
  static T value(T a, T b) { return a / b; }
  template <Scalar T>
  static T d_a(T, T b, T) { return T{1} / b; }
  template <Scalar T>
  static T d_b(T, T b, T y) { return -y / b; }
  static Var to_a(const Recorded& c) { return c.gradient() / c.input(1); }
  static Var to_b(const Recorded& c) {
    return affine(c.gradient() * c.output() / c.input(1), -1, 0);
  }
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
Var operator/(Var a, double b) { return div(a, a.tape().constant(b, a.dtype())); }
Var operator+(double a, Var b) { return affine(b, 1, a); }
Var operator-(double a, Var b) { return affine(b, -1, a); }
Var operator*(double a, Var b) { return affine(b, a, 0); }
Var operator/(double a, Var b) { return div(b.tape().constant(a, b.dtype()), b); }
Var operator+(Var a, const Tensor& b) { return add(a, a.tape().constant(b)); }
Var operator-(Var a, const Tensor& b) { return sub(a, a.tape().constant(b)); }
Var operator*(Var a, const Tensor& b) { return mul(a, a.tape().constant(b)); }
Var operator/(Var a, const Tensor& b) { return div(a, a.tape().constant(b)); }
Var operator+(const Tensor& a, Var b) { return add(b.tape().constant(a), b); }
Var operator-(const Tensor& a, Var b) { return sub(b.tape().constant(a), b); }
Var operator*(const Tensor& a, Var b) { return mul(b.tape().constant(a), b); }
Var operator/(const Tensor& a, Var b) { return div(b.tape().constant(a), b); }

}  // namespace metatape
