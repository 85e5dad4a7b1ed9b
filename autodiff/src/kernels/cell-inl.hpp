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

// e^x for |x| <= 87, good to an absolute error of the sigmoid and tanh made of it. Adding 1.5 ·
// 2^23 rounds to a whole n and leaves it in the low bits, which makes 2^n. The product n log 2 is
// not split in two: where n is large, sigmoid and tanh are flat.
HWY_INLINE V quick_exp(V x) {
  const V magic = set(12582912.0f), t = hn::MulAdd(x, set(1.44269504f), magic);
  const V r = hn::NegMulAdd(hn::Sub(t, magic), set(0.693147181f), x), s = hn::Mul(r, r);
  const V low = hn::MulAdd(r, set(1.6666665459e-1f), set(5.0000001201e-1f));
  const V middle = hn::MulAdd(r, set(8.3334519073e-3f), set(4.1665795894e-2f));
  const V high = hn::MulAdd(r, set(1.9875691500e-4f), set(1.3981999507e-3f));
  const V rest = hn::MulAdd(hn::MulAdd(high, s, middle), s, low);
  const V p = hn::Add(hn::MulAdd(rest, s, r), set(1));
  const auto n = hn::Add(hn::ShiftLeft<23>(hn::BitCast(I(), t)), hn::Set(I(), 127 << 23));
  return hn::Mul(p, hn::BitCast(D(), n));
}
// 1 / (1 + e): AVX-512's estimate and one Newton step; AVX2's is too coarse.
HWY_INLINE V share_of(V e) {
  const V d = hn::Add(set(1), e);
  if constexpr (HWY_TARGET > HWY_AVX3) return hn::Div(set(1), d);
  const V r = hn::ApproximateReciprocal(d);
  return hn::Mul(r, hn::NegMulAdd(d, r, set(2)));
}
HWY_INLINE V quick_sigmoid(V x) {
  return share_of(quick_exp(at_least(at_most(hn::Neg(x), 87), -87)));
}
HWY_INLINE V quick_tanh(V x) {
  const V e = quick_exp(at_least(hn::Mul(hn::Abs(x), set(-2)), -87));
  return hn::CopySign(hn::Mul(hn::Sub(set(1), e), share_of(e)), x);
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
