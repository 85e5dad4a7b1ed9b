// cell-inl.hpp: sigmoid and tanh as they are inside fused cells: quick, and good to an absolute
// error of 2e-7; for the files that Highway compiles once for each instruction set.
#if defined(METATAPE_KERNELS_CELL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef METATAPE_KERNELS_CELL_INL
#undef METATAPE_KERNELS_CELL_INL
#else
#define METATAPE_KERNELS_CELL_INL
#endif

#include "kernels/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// Several values take each stage together: a value alone is a chain of twenty operations that wait
// for one another, and a processor does not look far enough ahead to fill the gaps by itself.

// e^x for |x| <= 87, good to an absolute error of the sigmoid and tanh made of it. Adding 1.5 ·
// 2^23 rounds to a whole n and leaves it in the low bits, which makes 2^n. The product n log 2 is
// not split in two: where n is large, sigmoid and tanh are flat.
template <int N>
HWY_INLINE void quick_exps(V (&x)[N]) {
  const V magic = set(12582912.0f);
  V t[N], r[N], s[N], next[N], p[N];
  for (int i = 0; i < N; ++i) t[i] = hn::MulAdd(x[i], set(1.44269504f), magic);
  for (int i = 0; i < N; ++i) r[i] = hn::Sub(t[i], magic);
  for (int i = 0; i < N; ++i) r[i] = hn::NegMulAdd(r[i], set(0.693147181f), x[i]);
  for (int i = 0; i < N; ++i) s[i] = hn::Mul(r[i], r[i]);
  for (int i = 0; i < N; ++i) p[i] = hn::MulAdd(r[i], set(1.9875691500e-4f), set(1.3981999507e-3f));
  for (int i = 0; i < N; ++i)
    next[i] = hn::MulAdd(r[i], set(8.3334519073e-3f), set(4.1665795894e-2f));
  for (int i = 0; i < N; ++i) p[i] = hn::MulAdd(p[i], s[i], next[i]);
  for (int i = 0; i < N; ++i)
    next[i] = hn::MulAdd(r[i], set(1.6666665459e-1f), set(5.0000001201e-1f));
  for (int i = 0; i < N; ++i) p[i] = hn::MulAdd(p[i], s[i], next[i]);
  for (int i = 0; i < N; ++i) p[i] = hn::MulAdd(p[i], s[i], r[i]);
  for (int i = 0; i < N; ++i) p[i] = hn::Add(p[i], set(1));
  for (int i = 0; i < N; ++i) {
    const auto n = hn::Add(hn::ShiftLeft<23>(hn::BitCast(I(), t[i])), hn::Set(I(), 127 << 23));
    x[i] = hn::Mul(p[i], hn::BitCast(D(), n));
  }
}
// 1 / (1 + e): AVX-512's estimate and one Newton step; AVX2's is too coarse.
template <int N>
HWY_INLINE void shares_of(const V (&e)[N], V (&y)[N]) {
  V d[N];
  for (int i = 0; i < N; ++i) d[i] = hn::Add(set(1), e[i]);
  if constexpr (HWY_TARGET > HWY_AVX3) {
    for (int i = 0; i < N; ++i) y[i] = hn::Div(set(1), d[i]);
  } else {
    for (int i = 0; i < N; ++i) y[i] = hn::ApproximateReciprocal(d[i]);
    for (int i = 0; i < N; ++i) d[i] = hn::NegMulAdd(d[i], y[i], set(2));
    for (int i = 0; i < N; ++i) y[i] = hn::Mul(y[i], d[i]);
  }
}
// Of N values the first are given sigmoid, the last `tanhs` tanh.
template <int tanhs, int N>
HWY_INLINE void quick_functions(V (&x)[N]) {
  constexpr int sigmoids = N - tanhs;
  V e[N], y[N];
  for (int i = 0; i < sigmoids; ++i) e[i] = at_least(at_most(hn::Neg(x[i]), 87), -87);
  for (int i = sigmoids; i < N; ++i) e[i] = at_least(hn::Mul(hn::Abs(x[i]), set(-2)), -87);
  quick_exps(e);
  shares_of(e, y);
  for (int i = 0; i < sigmoids; ++i) x[i] = y[i];
  for (int i = sigmoids; i < N; ++i)
    x[i] = hn::CopySign(hn::Mul(hn::Sub(set(1), e[i]), y[i]), x[i]);
}
HWY_INLINE V quick_sigmoid(V x) {
  V all[1] = {x};
  quick_functions<0>(all);
  return all[0];
}
HWY_INLINE V quick_tanh(V x) {
  V all[1] = {x};
  quick_functions<1>(all);
  return all[0];
}

struct Quick {
  static HWY_INLINE V sigmoid(V x) { return quick_sigmoid(x); }
  static HWY_INLINE V tanh(V x) { return quick_tanh(x); }
};
// To 4 units in the last place, as everywhere outside fused cells.
struct Fine {
  static HWY_INLINE V sigmoid(V x) { return Sigmoid::value(x); }
  static HWY_INLINE V tanh(V x) { return Tanh::value(x); }
};

// A step of an LSTM for a vector of hidden units, from z, the arguments of its gates.
struct LstmUnits {
  V i, f, g, o, c, h;
};
template <class Functions>
HWY_INLINE LstmUnits lstm_units(const V (&z)[4], V c_before) {
  LstmUnits u;
  u.i = Functions::sigmoid(z[0]);
  u.f = Functions::sigmoid(z[1]);
  u.g = Functions::tanh(z[2]);
  u.o = Functions::sigmoid(z[3]);
  u.c = hn::MulAdd(u.f, c_before, hn::Mul(u.i, u.g));
  u.h = hn::Mul(u.o, Functions::tanh(u.c));
  return u;
}

// The gradients of z, and of c_before in place of c's own. Of u the gates and c are read.
template <class Functions>
HWY_INLINE void lstm_units_pullback(const LstmUnits& u, V c_before, V dh, V& dc, V (&dz)[4]) {
  const auto one_minus = [](V v) HWY_ATTR { return hn::Sub(set(1), v); };
  const V t = Functions::tanh(u.c);
  const V d = hn::MulAdd(hn::Mul(dh, u.o), hn::NegMulAdd(t, t, set(1)), dc);
  dz[0] = hn::Mul(hn::Mul(d, u.g), hn::Mul(u.i, one_minus(u.i)));
  dz[1] = hn::Mul(hn::Mul(d, c_before), hn::Mul(u.f, one_minus(u.f)));
  dz[2] = hn::Mul(hn::Mul(d, u.i), hn::NegMulAdd(u.g, u.g, set(1)));
  dz[3] = hn::Mul(hn::Mul(dh, t), hn::Mul(u.o, one_minus(u.o)));
  dc = hn::Mul(d, u.f);
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();
#endif
