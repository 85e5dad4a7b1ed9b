// elementwise_twin.hpp: the functions of elementwise.hpp for one number, by <cmath>: what tests hold
// the vectors to, what float64 runs, and what takes the numbers that a vector formula leaves out.
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

template <class T>
T normal_cdf(T x) {  // by erfc, so that the left tail keeps its digits
  return T(0.5) * std::erfc(-x * static_cast<T>(std::numbers::sqrt2 / 2));
}

template <class T>
T normal_density(T x) {
  return static_cast<T>(std::numbers::inv_sqrtpi / std::numbers::sqrt2) * std::exp(T(-0.5) * x * x);
}

template <class T>
T value(Function f, T x) {
  switch (f) {
    case Function::exp: return std::exp(x);
    case Function::expm1: return std::expm1(x);
    case Function::log: return std::log(x);
    case Function::log1p: return std::log1p(x);
    case Function::sin: return std::sin(x);
    case Function::cos: return std::cos(x);
    case Function::tanh: return std::tanh(x);
    case Function::sigmoid: return sigmoid(x);
    case Function::softplus: return softplus(x);
    case Function::erf: return std::erf(x);
    case Function::normal_cdf: return normal_cdf(x);
    case Function::gelu: return x * normal_cdf(x);
    case Function::gelu_slope: return normal_cdf(x) + x * normal_density(x);
  }
  return x;
}

}  // namespace metatape::kernel::twin
