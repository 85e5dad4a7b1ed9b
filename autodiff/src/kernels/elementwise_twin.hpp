// elementwise_twin.hpp: the functions of elementwise.hpp for one number, by <cmath>: what tests
// hold the vectors to, what float64 runs, and what takes the numbers that a vector formula leaves
// out.
#pragma once

#include <cmath>
#include <numbers>

#include "elementwise.hpp"

namespace metatape::kernel::twin {

template <class T>
T sigmoid(T x) {  // e^-|x| never overflows
  const T e = std::exp(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

template <class T>
T softplus(T x) {
  return (x < 0 ? T{0} : x) + std::log1p(std::exp(-std::abs(x)));
}

// Φ by erfc, so that the left tail keeps its digits; in float64, for e^(-x²/2) multiplies the
// rounding errors of x².
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x * (std::numbers::sqrt2 / 2)); }
inline double normal_density(double x) {
  return std::numbers::inv_sqrtpi / std::numbers::sqrt2 * std::exp(-0.5 * x * x);
}

template <class T>
T value(Function f, T x) {
  const double wide = static_cast<double>(x);
  switch (f) {
    case Function::exp:
      return std::exp(x);
    case Function::expm1:
      return std::expm1(x);
    case Function::log:
      return std::log(x);
    case Function::log1p:
      return std::log1p(x);
    case Function::sin:
      return std::sin(x);
    case Function::cos:
      return std::cos(x);
    case Function::tanh:
      return std::tanh(x);
    case Function::sigmoid:
      return sigmoid(x);
    case Function::softplus:
      return softplus(x);
    case Function::erf:
      return std::erf(x);
    case Function::normal_cdf:
      return static_cast<T>(normal_cdf(wide));
    case Function::gelu:
      return static_cast<T>(wide * normal_cdf(wide));
    case Function::gelu_slope:
      return static_cast<T>(normal_cdf(wide) + wide * normal_density(wide));
  }
  return x;
}

}  // namespace metatape::kernel::twin
