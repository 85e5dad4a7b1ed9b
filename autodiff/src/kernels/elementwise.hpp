// elementwise.hpp: functions of one number over arrays, and sums.
//
// float32: at most 4 units in the last place over the whole range, infinities, NaN, denormals and
// signed zeros as in <cmath>; what a vector formula does not cover (large angles, logarithms of
// denormals) is handed to the twin, lane by lane. float64, and everything where simd() is plain,
// runs the twin, which is <cmath>. The value at an element depends on that element alone, not on
// its position.
#pragma once

#include <cstdint>

namespace metatape::kernel {

enum class Function {
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tanh,
  sigmoid,   // 1 / (1 + e^-x)
  softplus,  // log(1 + e^x)
  erf,
  normal_cdf,  // Φ(x), relatively exact in the left tail
  gelu,        // x Φ(x)
  gelu_slope,  // Φ(x) + x φ(x); exact to 4 units of max(|value|, 2^-4)
};

/// y[i] = f(x[i]); y may be x.
void map(Function f, const float* x, float* y, std::int64_t n);
void map(Function f, const double* x, double* y, std::int64_t n);

/// y[i] = x[i]^exponent as std::pow has it; y may be x.
void pow(const float* x, float exponent, float* y, std::int64_t n);
void pow(const double* x, double exponent, double* y, std::int64_t n);

/// Σ x[i] and Σ x[i] y[i], in blocks of fixed shape whose sums are added as float64.
double sum(const float* x, std::int64_t n);
double sum(const double* x, std::int64_t n);
double dot(const float* x, const float* y, std::int64_t n);
double dot(const double* x, const double* y, std::int64_t n);

}  // namespace metatape::kernel
