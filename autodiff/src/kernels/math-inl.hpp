// math-inl.hpp: float32 functions of a vector, compiled once for each instruction set.
// Each is at most 4 units in the last place off; NaN passes through all of them. A function that
// does not cover every float says which it does in `covers`.
#if defined(METATAPE_KERNELS_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef METATAPE_KERNELS_MATH_INL
#undef METATAPE_KERNELS_MATH_INL
#else
#define METATAPE_KERNELS_MATH_INL
#endif

#include <limits>

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

using I = hn::RebindToSigned<D>;
using F64 = hn::Rebind<double, hn::Half<D>>;  // half as many lanes
using W = hn::Vec<F64>;

// Highest coefficient first.
template <class X, class... C>
HWY_INLINE X polynomial(X x, float highest, C... rest) {
  X p = hn::Set(hn::DFromV<X>(), static_cast<hn::TFromV<X>>(highest));
  ((p = hn::MulAdd(p, x, hn::Set(hn::DFromV<X>(), static_cast<hn::TFromV<X>>(rest)))), ...);
  return p;
}

// Clamps that let NaN pass: x86 gives the second operand where one is NaN, others give NaN.
HWY_INLINE V at_most(V x, float bound) { return hn::Min(set(bound), x); }
HWY_INLINE V at_least(V x, float bound) { return hn::Max(set(bound), x); }

HWY_INLINE V two_to_the(hn::Vec<I> n) {
  return hn::BitCast(D(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(I(), 127))));
}

// x = n log 2 + r, |r| <= log(2) / 2; gives n, and e^r - 1 without its first term r.
struct Reduced {
  V n, r, rest;
};
HWY_INLINE Reduced reduce(V x) {
  const V n = hn::Round(hn::Mul(x, set(1.44269504f)));
  const V r = hn::NegMulAdd(n, set(-2.12194440e-4f), hn::NegMulAdd(n, set(0.693359375f), x));
  const V s = hn::Mul(r, r);
  // Pairs, then pairs of pairs: a short chain counts where arrays are small.
  const V low = hn::MulAdd(r, set(1.6666665459e-1f), set(5.0000001201e-1f));
  const V middle = hn::MulAdd(r, set(8.3334519073e-3f), set(4.1665795894e-2f));
  const V high = hn::MulAdd(r, set(1.9875691500e-4f), set(1.3981999507e-3f));
  return {n, r, hn::Mul(hn::MulAdd(hn::MulAdd(high, s, middle), s, low), s)};
}

struct Exp {
  static HWY_INLINE V value(V x) {
    const Reduced e = reduce(at_least(at_most(x, 89.0f), -105.0f));
    // Two factors: 2^n alone would leave the floats where e^x is denormal or nearly infinite.
    const auto n = hn::ConvertTo(I(), e.n), half = hn::ShiftRight<1>(n);
    const V y = hn::Add(set(1), hn::Add(e.r, e.rest));
    return hn::Mul(hn::Mul(y, two_to_the(half)), two_to_the(hn::Sub(n, half)));
  }
};

// e^x for x <= 0, not below e^-87.
HWY_INLINE V exp_of_negative(V x) {
  const Reduced e = reduce(at_least(x, -87.0f));
  return hn::Mul(hn::Add(set(1), hn::Add(e.r, e.rest)), two_to_the(hn::ConvertTo(I(), e.n)));
}

struct Expm1 {
  // 2 (2^(n-1) (e^r - 1) + (2^(n-1) - 1/2)): exact at n = 0, and 2^n need not be a float.
  static HWY_INLINE V value(V x) {
    const Reduced e = reduce(at_least(at_most(x, 89.0f), -18.0f));
    const V scale = two_to_the(hn::Sub(hn::ConvertTo(I(), e.n), hn::Set(I(), 1)));
    const V half = hn::MulAdd(hn::Add(e.r, e.rest), scale, hn::Sub(scale, set(0.5f)));
    return hn::CopySign(hn::Add(half, half), x);
  }
};

struct Tanh {
  static HWY_INLINE V value(V x) {
    const V a = at_most(hn::Abs(x), 9.1f), e = Expm1::value(hn::Add(a, a));
    return hn::CopySign(hn::Div(e, hn::Add(e, set(2))), x);
  }
};

struct Sigmoid {
  static HWY_INLINE V value(V x) {
    const V e = Exp::value(hn::Neg(hn::Abs(x)));
    return hn::Div(hn::IfThenElse(hn::Lt(x, set(0)), e, set(1)), hn::Add(set(1), e));
  }
};

// Normal, positive, finite.
HWY_INLINE M normal_positive(V x) {
  return hn::And(hn::Ge(x, set(std::numeric_limits<float>::min())),
                 hn::Le(x, set(std::numeric_limits<float>::max())));
}

struct Log {
  static HWY_INLINE M covers(V x) { return normal_positive(x); }
  // x = 2^e m, m in [2/3, 4/3).
  static HWY_INLINE V value(V x) {
    const auto bits = hn::BitCast(I(), x);
    const auto e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(I(), 0x3f2aaaab)));
    const V m = hn::Sub(hn::BitCast(D(), hn::Sub(bits, hn::ShiftLeft<23>(e))), set(1));
    const V s = hn::Mul(m, m);
    const V even = polynomial(s, -0.130310059f, -0.121483512f, -0.166846126f, -0.249996200f);
    const V odd = polynomial(s, 0.140869141f, 0.139814854f, 0.200120345f);
    V p = hn::MulAdd(odd, m, even);
    p = hn::MulAdd(p, m, set(0.333331972f));
    p = hn::MulAdd(p, m, set(-0.5f));
    return hn::MulAdd(hn::ConvertTo(D(), e), set(0.693147182f), hn::MulAdd(p, s, m));
  }
};

struct Log1p {
  static HWY_INLINE M covers(V x) { return normal_positive(hn::Add(set(1), x)); }
  // log(u) for u = 1 + x rounded, and what the rounding lost.
  static HWY_INLINE V value(V x) {
    const V u = hn::Add(set(1), x);
    const V lost = hn::Div(hn::Sub(x, hn::Sub(u, set(1))), u);
    return hn::CopySign(hn::Add(Log::value(u), lost), x);
  }
};

struct Softplus {
  static HWY_INLINE V value(V x) {
    return hn::Add(at_least(x, 0), Log1p::value(Exp::value(hn::Neg(hn::Abs(x)))));
  }
};

struct Erf {
  static HWY_INLINE V value(V x) {
    const V a = at_most(hn::Abs(x), 4.0f), s = hn::Mul(a, a);
    V near = polynomial(s, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f,
                        -3.76125336e-1f, 1.28379166e-1f);
    near = hn::MulAdd(near, a, a);
    const V high = polynomial(a, -1.72853470e-5f, 3.83197126e-4f);
    const V low = polynomial(a, -3.88396438e-3f, 2.42546219e-2f);
    V far = hn::MulAdd(high, s, low);
    far = hn::MulAdd(far, a, set(-1.06777877e-1f));
    far = hn::MulAdd(far, a, set(-6.34846687e-1f));
    far = hn::MulAdd(far, a, set(-1.28717512e-1f));
    far = hn::Sub(set(1), Exp::value(hn::MulAdd(far, a, hn::Neg(a))));
    return hn::CopySign(hn::IfThenElse(hn::Gt(a, set(0.927734375f)), far, near), x);
  }
};

// ---- in float64, half a vector at a time: what float32 cannot hold the digits of

template <class F>
HWY_INLINE V in_float64(V x, const F& f) {
  const hn::Half<D> half;
#if HWY_TARGET == HWY_SCALAR  // one lane has no halves
  return hn::DemoteTo(half, f(hn::PromoteTo(F64(), x)));
#else
  const W low = f(hn::PromoteTo(F64(), hn::LowerHalf(half, x)));
  const W high = f(hn::PromoteTo(F64(), hn::UpperHalf(half, x)));
  return hn::Combine(D(), hn::DemoteTo(half, high), hn::DemoteTo(half, low));
#endif
}
HWY_INLINE W wide(double x) { return hn::Set(F64(), x); }

// e^x to 1e-11 for |x| < 700.
HWY_INLINE W exp64(W x) {
  const W n = hn::Round(hn::Mul(x, wide(1.4426950408889634)));
  const W r = hn::NegMulAdd(n, wide(0.6931471805599453), x);
  W p = wide(1.0 / 362880);
  for (const double c :
       {1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0})
    p = hn::MulAdd(p, r, wide(c));
  const hn::RebindToSigned<F64> integers;
  const auto e = hn::ConvertTo(integers, n);
  return hn::Mul(p, hn::BitCast(F64(), hn::ShiftLeft<52>(hn::Add(e, hn::Set(integers, 1023)))));
}

// Angles: |x| = n π/2 + r, exactly enough for any float up to 1e5.
struct Angle {
  V r, n;
};
HWY_INLINE Angle angle(V x) {
  const V a = hn::Abs(x);
  const auto turns = [](W w) HWY_ATTR { return hn::Round(hn::Mul(w, wide(0.6366197723675814))); };
  const V r = in_float64(a, [&](W w) HWY_ATTR {
    const W n = turns(w);
    return hn::NegMulAdd(n, wide(6.077100506506192e-11),
                         hn::NegMulAdd(n, wide(1.57079632673412561417), w));
  });
  return {r, in_float64(a, turns)};
}
// ±sin r or ±cos r by the quarter.
HWY_INLINE V sin_in_quarter(V r, hn::Vec<I> quarter) {
  const V s = hn::Mul(r, r);
  const V sin = hn::MulAdd(
      hn::Mul(polynomial(s, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f), s), r, r);
  const V cos = hn::MulAdd(
      hn::Mul(polynomial(s, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f),
              s),
      s, hn::NegMulAdd(s, set(0.5f), set(1)));
  const auto one = hn::Set(I(), 1), two = hn::Set(I(), 2);
  const M swap = hn::RebindMask(D(), hn::Eq(hn::And(quarter, one), one));
  const V sign = hn::BitCast(D(), hn::ShiftLeft<30>(hn::And(quarter, two)));
  return hn::Xor(hn::IfThenElse(swap, cos, sin), sign);
}
HWY_INLINE M moderate(V x) { return hn::Le(hn::Abs(x), set(1e5f)); }

struct Sin {
  static HWY_INLINE M covers(V x) { return moderate(x); }
  static HWY_INLINE V value(V x) {
    const Angle a = angle(x);
    return hn::Xor(sin_in_quarter(a.r, hn::ConvertTo(I(), a.n)), hn::And(x, set(-0.0f)));
  }
};
struct Cos {
  static HWY_INLINE M covers(V x) { return moderate(x); }
  static HWY_INLINE V value(V x) {
    const Angle a = angle(x);
    return sin_in_quarter(a.r, hn::Add(hn::ConvertTo(I(), a.n), hn::Set(I(), 1)));
  }
};

// Φ by erfc's Chebyshev fit, relative error 1.2e-7 (Press et al., Numerical Recipes, §6.2).
HWY_INLINE W normal_cdf64(W x) {
  const W z = hn::Mul(hn::Abs(x), wide(0.7071067811865476));
  const W t = hn::Div(wide(1), hn::MulAdd(z, wide(0.5), wide(1)));
  W p = wide(0.17087277);
  for (const double c : {-0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
                         0.37409196, 1.00002368, -1.26551223})
    p = hn::MulAdd(p, t, wide(c));
  const W exponent = hn::Max(hn::NegMulAdd(z, z, p), wide(-700));
  const W tail = hn::Mul(hn::Mul(t, wide(0.5)), exp64(exponent));
  return hn::IfThenElse(hn::Lt(x, wide(0)), tail, hn::Sub(wide(1), tail));
}
HWY_INLINE M finite(V x) { return hn::Le(hn::Abs(x), set(std::numeric_limits<float>::max())); }

struct NormalCdf {
  static HWY_INLINE M covers(V x) { return finite(x); }
  static HWY_INLINE V value(V x) {
    return in_float64(x, [](W w) HWY_ATTR { return normal_cdf64(w); });
  }
};
struct Gelu {
  static HWY_INLINE M covers(V x) { return finite(x); }
  static HWY_INLINE V value(V x) {
    return in_float64(x, [](W w) HWY_ATTR { return hn::Mul(w, normal_cdf64(w)); });
  }
};
struct GeluSlope {
  static HWY_INLINE M covers(V x) { return finite(x); }
  static HWY_INLINE V value(V x) {
    return in_float64(x, [](W w) HWY_ATTR {
      const W exponent = hn::Max(hn::Mul(hn::Mul(w, w), wide(-0.5)), wide(-700));
      const W density = hn::Mul(exp64(exponent), wide(0.3989422804014327));
      return hn::MulAdd(w, density, normal_cdf64(w));
    });
  }
};

// x^a = e^(a log x): log by its series in (m - 1) / (m + 1), |.| <= 1/5.
struct Pow {
  float exponent;
  HWY_INLINE M covers(V x) const { return normal_positive(x); }
  HWY_INLINE V value(V x) const {
    const double a = static_cast<double>(exponent);
    return in_float64(x, [a](W w) HWY_ATTR {
      const hn::RebindToSigned<F64> integers;
      const auto bits = hn::BitCast(integers, w);
      // 2/3 as float64; x is a normal float32, so e is small and a cut to 32 bits would lose
      // nothing
      const auto shifted = hn::Sub(bits, hn::Set(integers, 0x3fe5555555555555));
      const auto e =
          hn::Sub(hn::BitCast(integers,
                              hn::ShiftRight<52>(hn::BitCast(
                                  hn::RebindToUnsigned<F64>(),
                                  hn::Add(shifted, hn::Set(integers, std::int64_t{1024} << 52))))),
                  hn::Set(integers, 1024));
      const W m = hn::BitCast(F64(), hn::Sub(bits, hn::ShiftLeft<52>(e)));
      const W s = hn::Div(hn::Sub(m, wide(1)), hn::Add(m, wide(1))), q = hn::Mul(s, s);
      W p = wide(2.0 / 15);
      for (const double c : {2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0})
        p = hn::MulAdd(p, q, wide(c));
      const W log = hn::MulAdd(hn::ConvertTo(F64(), e), wide(0.6931471805599453), hn::Mul(p, s));
      return exp64(hn::Min(hn::Max(hn::Mul(log, wide(a)), wide(-700)), wide(700)));
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();
#endif
