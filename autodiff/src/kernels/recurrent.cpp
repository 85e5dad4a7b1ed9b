// recurrent.cpp: the pointwise part of recurrent cells, a vector of hidden units at a time.
#include "recurrent.hpp"

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent.cpp"
#include <hwy/foreach_target.h>

#include "kernels/cell-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

HWY_INLINE V one_minus(V v) { return hn::Sub(set(1), v); }

void LstmStep(std::int64_t batch, std::int64_t hidden, const float* bias, const float* c_before,
              float* gates, float* c, float* h) {
  for (std::int64_t b = 0; b < batch; ++b, gates += 4 * hidden)
    for_vectors(hidden, [&](std::int64_t j, auto part) HWY_ATTR {
      const std::int64_t at = b * hidden + j;
      V z[4];
      for (int k = 0; k < 4; ++k) {
        z[k] = part.load(gates + k * hidden + j);
        if (bias) z[k] = hn::Add(z[k], part.load(bias + k * hidden + j));
      }
      const LstmUnits u = lstm_units<Fine>(z, part.load(c_before + at));
      part.store(u.i, gates + j);
      part.store(u.f, gates + hidden + j);
      part.store(u.g, gates + 2 * hidden + j);
      part.store(u.o, gates + 3 * hidden + j);
      part.store(u.c, c + at);
      part.store(u.h, h + at);
    });
}

void LstmStepPullback(std::int64_t batch, std::int64_t hidden, const float* gates,
                      const float* c_before, const float* c, const float* g_h, const float* dh_next,
                      float* dc, float* dz) {
  for (std::int64_t b = 0; b < batch; ++b, gates += 4 * hidden, dz += 4 * hidden)
    for_vectors(hidden, [&](std::int64_t j, auto part) HWY_ATTR {
      const std::int64_t at = b * hidden + j;
      LstmUnits u;
      u.i = part.load(gates + j);
      u.f = part.load(gates + hidden + j);
      u.g = part.load(gates + 2 * hidden + j);
      u.o = part.load(gates + 3 * hidden + j);
      u.c = part.load(c + at);
      V dh = part.load(g_h + at), d = part.load(dc + at), z[4];
      if (dh_next) dh = hn::Add(dh, part.load(dh_next + at));
      lstm_units_pullback<Fine>(u, part.load(c_before + at), dh, d, z);
      for (int k = 0; k < 4; ++k) part.store(z[k], dz + k * hidden + j);
      part.store(d, dc + at);
    });
}

void GruStep(std::int64_t batch, std::int64_t hidden, const float* a, const float* q,
             const float* bias_ih, const float* bias_hh, const float* h, float* kept, float* out) {
  for (std::int64_t b = 0; b < batch; ++b, a += 3 * hidden, q += 3 * hidden, kept += 4 * hidden)
    for_vectors(hidden, [&](std::int64_t j, auto part) HWY_ATTR {
      const std::int64_t at = b * hidden + j, jz = hidden + j, jn = 2 * hidden + j;
      const auto biased = [&](const float* from, const float* bias, std::int64_t k) HWY_ATTR {
        const V v = part.load(from + k);
        return bias ? hn::Add(v, part.load(bias + k)) : v;
      };
      const V r = Sigmoid::value(hn::Add(biased(a, bias_ih, j), biased(q, bias_hh, j)));
      const V z = Sigmoid::value(hn::Add(biased(a, bias_ih, jz), biased(q, bias_hh, jz)));
      const V recurrent = biased(q, bias_hh, jn);
      const V n = Tanh::value(hn::MulAdd(r, recurrent, biased(a, bias_ih, jn)));
      part.store(r, kept + j);
      part.store(z, kept + jz);
      part.store(n, kept + jn);
      part.store(recurrent, kept + 3 * hidden + j);
      part.store(hn::MulAdd(one_minus(z), n, hn::Mul(z, part.load(h + at))), out + at);
    });
}

void GruStepPullback(std::int64_t batch, std::int64_t hidden, const float* kept, const float* h,
                     const float* g, float* da, float* dq, float* dh, bool add) {
  for (std::int64_t b = 0; b < batch; ++b, kept += 4 * hidden, da += 3 * hidden, dq += 3 * hidden)
    for_vectors(hidden, [&](std::int64_t j, auto part) HWY_ATTR {
      const std::int64_t at = b * hidden + j, jz = hidden + j, jn = 2 * hidden + j;
      const V r = part.load(kept + j), z = part.load(kept + jz), n = part.load(kept + jn);
      const V recurrent = part.load(kept + 3 * hidden + j), e = part.load(g + at);
      const V dn = hn::Mul(hn::Mul(e, one_minus(z)), hn::NegMulAdd(n, n, set(1)));
      const V dr = hn::Mul(hn::Mul(dn, recurrent), hn::Mul(r, one_minus(r)));
      const V dz = hn::Mul(hn::Mul(e, hn::Sub(part.load(h + at), n)), hn::Mul(z, one_minus(z)));
      part.store(dr, da + j);
      part.store(dr, dq + j);
      part.store(dz, da + jz);
      part.store(dz, dq + jz);
      part.store(dn, da + jn);
      part.store(hn::Mul(dn, r), dq + jn);
      if (dh) part.store(add ? hn::MulAdd(e, z, part.load(dh + at)) : hn::Mul(e, z), dh + at);
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(LstmStep);
HWY_EXPORT(LstmStepPullback);
HWY_EXPORT(GruStep);
HWY_EXPORT(GruStepPullback);

void lstm_step(std::int64_t batch, std::int64_t hidden, const float* bias, const float* c_before,
               float* gates, float* c, float* h) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(LstmStep)(batch, hidden, bias, c_before, gates, c, h);
  twin::lstm_step(batch, hidden, bias, c_before, gates, c, h);
}
void lstm_step_pullback(std::int64_t batch, std::int64_t hidden, const float* gates,
                        const float* c_before, const float* c, const float* g, const float* dh_next,
                        float* dc, float* dz) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(LstmStepPullback)(batch, hidden, gates, c_before, c, g, dh_next, dc,
                                                  dz);
  twin::lstm_step_pullback(batch, hidden, gates, c_before, c, g, dh_next, dc, dz);
}
void gru_step(std::int64_t batch, std::int64_t hidden, const float* a, const float* q,
              const float* bias_ih, const float* bias_hh, const float* h, float* kept, float* out) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(GruStep)(batch, hidden, a, q, bias_ih, bias_hh, h, kept, out);
  twin::gru_step(batch, hidden, a, q, bias_ih, bias_hh, h, kept, out);
}
void gru_step_pullback(std::int64_t batch, std::int64_t hidden, const float* kept, const float* h,
                       const float* g, float* da, float* dq, float* dh, bool add) {
  if (simd() != Simd::plain)
    return HWY_DYNAMIC_DISPATCH(GruStepPullback)(batch, hidden, kept, h, g, da, dq, dh, add);
  twin::gru_step_pullback(batch, hidden, kept, h, g, da, dq, dh, add);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
