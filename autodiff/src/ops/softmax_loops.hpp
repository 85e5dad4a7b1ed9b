// softmax_loops.hpp: softmax along an axis, its logarithm and their pullbacks, line by line.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "metatape/autodiff/dtype.hpp"

namespace metatape::ops {

/// An axis of extent n, `outer` blocks before it and `inner` elements between its entries.
struct Line {
  std::int64_t outer, n, inner;
};

/// Calls f(position of the first entry) for each line along the axis.
template <class F>
void for_each_line(const Line& s, const F& f) {
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.inner; ++i) f(o * s.n * s.inner + i);
}

template <Scalar T>
T largest(const T* x, std::int64_t n, std::int64_t step) {
  T m = -std::numeric_limits<T>::infinity();
  for (std::int64_t i = 0; i < n; ++i) m = x[i * step] > m ? x[i * step] : m;
  return m;
}

template <Scalar T>
void softmax_lines(const Line& s, const T* x, T* y) {
  for_each_line(s, [&](std::int64_t at) {
    const T m = largest(x + at, s.n, s.inner);
    T sum{0};
    for (std::int64_t i = 0; i < s.n; ++i) {
      const T e = std::exp(x[at + i * s.inner] - m);
      y[at + i * s.inner] = e;
      sum += e;
    }
    for (std::int64_t i = 0; i < s.n; ++i) y[at + i * s.inner] /= sum;
  });
}

template <Scalar T>
void log_softmax_lines(const Line& s, const T* x, T* y) {
  for_each_line(s, [&](std::int64_t at) {
    const T m = largest(x + at, s.n, s.inner);
    T sum{0};
    for (std::int64_t i = 0; i < s.n; ++i) sum += std::exp(x[at + i * s.inner] - m);
    const T log_sum = std::log(sum);
    for (std::int64_t i = 0; i < s.n; ++i)
      y[at + i * s.inner] = (x[at + i * s.inner] - m) - log_sum;
  });
}

/// d (add ? += : =) y (g - Σ g y)
template <Scalar T>
void softmax_pullback(const Line& s, const T* y, const T* g, T* d, bool add) {
  for_each_line(s, [&](std::int64_t at) {
    T sum{0};
    for (std::int64_t i = 0; i < s.n; ++i) sum += g[at + i * s.inner] * y[at + i * s.inner];
    for (std::int64_t i = 0; i < s.n; ++i) {
      const std::int64_t k = at + i * s.inner;
      d[k] = (add ? d[k] : T{0}) + y[k] * (g[k] - sum);
    }
  });
}

/// d (add ? += : =) g - e^y Σ g
template <Scalar T>
void log_softmax_pullback(const Line& s, const T* y, const T* g, T* d, bool add) {
  for_each_line(s, [&](std::int64_t at) {
    T sum{0};
    for (std::int64_t i = 0; i < s.n; ++i) sum += g[at + i * s.inner];
    for (std::int64_t i = 0; i < s.n; ++i) {
      const std::int64_t k = at + i * s.inner;
      d[k] = (add ? d[k] : T{0}) + (g[k] - std::exp(y[k]) * sum);
    }
  });
}

}  // namespace metatape::ops
