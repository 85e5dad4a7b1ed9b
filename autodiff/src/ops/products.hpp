// products.hpp: what ops call for matrix products and the loops that go with them.
// One place, so that a faster kernel is put in for all ops at once.
#pragma once

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/simd.hpp"
#include "kernels/small_products.hpp"
#include "kernels/tiles.hpp"
#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/threads.hpp"

namespace metatape::ops {

/// Calls f(block, worker) for every block, over the context's threads where it has some.
template <class Context, class F>
void run_blocks(const Context& c, std::int64_t blocks, const F& f) {
  if (Threads* threads = c.threads(); threads && blocks > 1)
    threads->run(blocks, f);
  else
    for (std::int64_t b = 0; b < blocks; ++b) f(b, 0);
}

template <class Context>
std::int64_t workers(const Context& c) {
  return c.threads() ? c.threads()->count() : 1;
}

/// y (add ? += : =) op(a) op(b): y [m, n]; a and b are stored as [m, k] and [k, n], or turned. The
/// leading distances are between rows as stored.
template <Scalar T>
void multiply_strided(Transpose ta, Transpose tb, std::int64_t m, std::int64_t n, std::int64_t k,
                      const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T* y,
                      std::int64_t ldy, bool add) {
  const bool at = ta == Transpose::yes, bt = tb == Transpose::yes;
  if (m * n * k <= kernel::small_product)
    return kernel::multiply_small(at, bt, m, n, k, a, lda, b, ldb, y, ldy, add);
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

/// From how many rows, columns and inner elements on the register tile pays.
template <Scalar T>
bool fills_tiles(std::int64_t rows, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t few = 6;
  return std::is_same_v<T, float> && rows >= few && n >= few && k >= few &&
         kernel::simd() != kernel::Simd::plain;
}

/// A contiguous right factor op(b) [k, n] that may be used many times: packed for the register
/// tile where that pays, in the context's scratch memory.
template <Scalar T>
struct RightFactor {
  Transpose turned = Transpose::no;
  std::int64_t n = 0, k = 0;
  const T* b = nullptr;
  const float* packed = nullptr;
};

/// `rows`: with how many rows it will be multiplied in all.
template <Scalar T, class Context>
RightFactor<T> right_factor(const Context& c, Transpose turned, std::int64_t n, std::int64_t k,
                            const T* b, std::int64_t rows) {
  RightFactor<T> f{turned, n, k, b, nullptr};
  if constexpr (std::is_same_v<T, float>) {
    if (fills_tiles<T>(rows, n, k)) {
      float* packed = c.template scratch<float>(kernel::packed_size(k, n));
      const bool t = turned == Transpose::yes;
      kernel::pack(t, k, n, b, t ? k : n, packed);
      f.packed = packed;
    }
  }
  return f;
}

/// y [m, n] (add ? += : =) op(a) f, all contiguous. Rows are shared out among the context's
/// threads.
template <Scalar T, class Context>
void multiply(const Context& c, Transpose ta, std::int64_t m, const RightFactor<T>& f, const T* a,
              T* y, bool add) {
  const bool at = ta == Transpose::yes;
  if constexpr (std::is_same_v<T, float>) {
    if (f.packed) {
      // Blocks as even as whole tiles of rows allow: of 64 rows not 48 and 16.
      constexpr std::int64_t block = 48, tile = 6, worth_sharing = 1 << 19;
      const std::int64_t parts = m * f.n * f.k < worth_sharing ? 1 : (m + block - 1) / block;
      const std::int64_t rows =
          std::max<std::int64_t>((m + parts * tile - 1) / (parts * tile) * tile, tile);
      run_blocks(c, (m + rows - 1) / rows, [&](std::int64_t i, int) {
        const std::int64_t first = i * rows;
        kernel::multiply_packed(at, std::min(rows, m - first), f.n, f.k,
                                a + (at ? first : first * f.k), at ? m : f.k, f.packed,
                                y + first * f.n, f.n, add);
      });
      return;
    }
  }
  multiply_strided(ta, f.turned, m, f.n, f.k, a, at ? m : f.k, f.b,
                   f.turned == Transpose::yes ? f.k : f.n, y, f.n, add);
}

/// The same with a factor that is used once; its packed form is given back.
template <Scalar T, class Context>
void multiply(const Context& c, Transpose ta, Transpose tb, std::int64_t m, std::int64_t n,
              std::int64_t k, const T* a, const T* b, T* y, bool add) {
  if (!fills_tiles<T>(m, n, k))
    return multiply_strided(ta, tb, m, n, k, a, ta == Transpose::yes ? m : k, b,
                            tb == Transpose::yes ? k : n, y, n, add);
  const auto before = c.state().arena.position();
  multiply(c, ta, m, right_factor(c, tb, n, k, b, m), a, y, add);
  c.state().arena.rewind(before);
}

/// y = activation(y + bias), row by row; no bias where it is null.
template <Scalar T>
void bias_activation(T* y, const T* bias, std::int64_t rows, std::int64_t n,
                     Activation activation) {
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
