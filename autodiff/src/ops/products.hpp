// products.hpp: what ops call for matrix products and the loops that go with them.
// One place, so that a faster kernel is put in for all ops at once.
#pragma once

#include <cblas.h>

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/ops/matmul.hpp"

namespace metatape::ops {

/// y (add ? += : =) op(a) op(b): y [m, n]; a and b are stored as [m, k] and [k, n], or turned. The
/// leading distances are between rows as stored.
template <Scalar T>
void multiply_strided(Transpose ta, Transpose tb, std::int64_t m, std::int64_t n, std::int64_t k,
                      const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T* y,
                      std::int64_t ldy, bool add) {
  const bool at = ta == Transpose::yes, bt = tb == Transpose::yes;
  if (m * n * k <= 512) {
    const std::int64_t ai = at ? 1 : lda, al = at ? lda : 1, bl = bt ? 1 : ldb, bj = bt ? ldb : 1;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        T s{0};
        for (std::int64_t l = 0; l < k; ++l) s += a[i * ai + l * al] * b[l * bl + j * bj];
        y[i * ldy + j] = add ? y[i * ldy + j] + s : s;
      }
    return;
  }
  const auto ca = at ? CblasTrans : CblasNoTrans, cb = bt ? CblasTrans : CblasNoTrans;
  const auto narrow = [](std::int64_t v) { return static_cast<blasint>(v); };
  const T beta = add ? T{1} : T{0};
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, ca, cb, narrow(m), narrow(n), narrow(k), 1, a, narrow(lda), b,
                narrow(ldb), beta, y, narrow(ldy));
  else
    cblas_dgemm(CblasRowMajor, ca, cb, narrow(m), narrow(n), narrow(k), 1, a, narrow(lda), b,
                narrow(ldb), beta, y, narrow(ldy));
}

/// The same for contiguous matrices.
template <Scalar T, class Context>
void multiply(const Context&, Transpose ta, Transpose tb, std::int64_t m, std::int64_t n,
              std::int64_t k, const T* a, const T* b, T* y, bool add) {
  multiply_strided(ta, tb, m, n, k, a, ta == Transpose::yes ? m : k, b,
                   tb == Transpose::yes ? k : n, y, n, add);
}

/// y = activation(y + bias), row by row; no bias where it is null.
template <Scalar T>
void bias_activation(T* y, const T* bias, std::int64_t rows, std::int64_t n, Activation activation) {
  for (std::int64_t r = 0; r < rows; ++r, y += n) {
    if (bias)
      for (std::int64_t j = 0; j < n; ++j) y[j] += bias[j];
    if (activation == Activation::relu)
      for (std::int64_t j = 0; j < n; ++j) y[j] = y[j] < T{0} ? T{0} : y[j];
    else if (activation == Activation::tanh)
      for (std::int64_t j = 0; j < n; ++j) y[j] = std::tanh(y[j]);
    else if (activation == Activation::sigmoid)
      for (std::int64_t j = 0; j < n; ++j) y[j] = T{1} / (T{1} + std::exp(-y[j]));
  }
}

/// to = g activation'(y), from the activation's value.
template <Scalar T>
void activation_pullback(const T* y, const T* g, T* to, std::int64_t n, Activation activation) {
  if (activation == Activation::relu)
    for (std::int64_t i = 0; i < n; ++i) to[i] = y[i] > T{0} ? g[i] : T{0};
  else if (activation == Activation::tanh)
    for (std::int64_t i = 0; i < n; ++i) to[i] = g[i] * (T{1} - y[i] * y[i]);
  else
    for (std::int64_t i = 0; i < n; ++i) to[i] = g[i] * (y[i] * (T{1} - y[i]));
}

/// to[j] += Σ_r g[r, j]
template <Scalar T>
void add_column_sums(const T* g, std::int64_t rows, std::int64_t n, T* to) {
  for (std::int64_t r = 0; r < rows; ++r, g += n)
    for (std::int64_t j = 0; j < n; ++j) to[j] += g[j];
}

}  // namespace metatape::ops
