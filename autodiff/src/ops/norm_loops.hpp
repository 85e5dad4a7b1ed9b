// norm_loops.hpp: column moments and the passes of batch normalisation over x [rows, channels].
// Rows are taken in blocks that stay in cache: each block's moments are exact about its own mean
// and are combined in block order (Chan, Golub and LeVeque 1979), so float32 loses nothing to
// cancellation and the bits do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/columns.hpp"
#include "products.hpp"

namespace metatape::ops {

struct RowBlocks {
  std::int64_t rows, channels;
  [[nodiscard]] std::int64_t each() const {
    constexpr std::int64_t elements = 16384;
    return std::max<std::int64_t>(1, elements / std::max<std::int64_t>(channels, 1));
  }
  [[nodiscard]] std::int64_t count() const { return (rows + each() - 1) / each(); }
};

/// mean and biased variance of each column; rows >= 1.
template <Scalar T, class Context>
void column_moments(const Context& c, const RowBlocks& s, const T* x, T* mean, T* variance) {
  const std::int64_t n = s.channels, blocks = s.count(), each = s.each();
  T* parts = c.template scratch<T>(blocks * 2 * n);
  run_blocks(c, blocks, [&](std::int64_t b, int) {
    const std::int64_t first = b * each;
    T* m = parts + b * 2 * n;
    kernel::column_moments(std::min(each, s.rows - first), n, x + first * n, m, m + n);
  });
  std::copy_n(parts, n, mean);
  std::copy_n(parts + n, n, variance);
  for (std::int64_t b = 1; b < blocks; ++b) {
    const T *m = parts + b * 2 * n, *q = m + n;
    const T before = static_cast<T>(b * each);
    const T here = static_cast<T>(std::min(each, s.rows - b * each));
    for (std::int64_t j = 0; j < n; ++j) {
      const T d = m[j] - mean[j];
      mean[j] += d * (here / (before + here));
      variance[j] += q[j] + d * d * (before * (here / (before + here)));
    }
  }
  for (std::int64_t j = 0; j < n; ++j) variance[j] /= static_cast<T>(s.rows);
}

/// y = (x - mean) scale + shift
template <Scalar T, class Context>
void normalise(const Context& c, const RowBlocks& s, const T* x, const T* mean, const T* scale,
               const T* shift, T* y) {
  run_blocks(c, s.count(), [&](std::int64_t b, int) {
    const std::int64_t first = b * s.each(), at = first * s.channels;
    kernel::normalise_columns(std::min(s.each(), s.rows - first), s.channels, x + at, mean, scale,
                              shift, y + at);
  });
}

/// sum and product, each [n], over blocks of both.
template <Scalar T>
void add_parts(std::int64_t blocks, std::int64_t n, const T* parts, T* sum, T* product) {
  std::fill_n(sum, n, T{0});
  std::fill_n(product, n, T{0});
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t j = 0; j < n; ++j) {
      sum[j] += parts[b * 2 * n + j];
      product[j] += parts[b * 2 * n + n + j];
    }
}

/// sum = Σ_rows g, product = Σ_rows g (x - mean)
template <Scalar T, class Context>
void column_products(const Context& c, const RowBlocks& s, const T* g, const T* x, const T* mean,
                     T* sum, T* product) {
  const std::int64_t n = s.channels, blocks = s.count();
  T* parts = c.template scratch<T>(blocks * 2 * n);
  run_blocks(c, blocks, [&](std::int64_t b, int) {
    const std::int64_t first = b * s.each(), at = first * n;
    T* sums = parts + b * 2 * n;
    kernel::column_products(std::min(s.each(), s.rows - first), n, g + at, x + at, mean, sums,
                            sums + n);
  });
  add_parts(blocks, n, parts, sum, product);
}

/// d (add ? += : =) of_g g + of_x (x - mean) + constant, by column; of_g may be null for 0.
template <Scalar T, class Context>
void combine_columns(const Context& c, const RowBlocks& s, const T* g, const T* x, const T* mean,
                     const T* of_g, const T* of_x, const T* constant, T* d, bool add) {
  run_blocks(c, s.count(), [&](std::int64_t b, int) {
    const std::int64_t first = b * s.each(), at = first * s.channels;
    kernel::combine_columns(std::min(s.each(), s.rows - first), s.channels, g ? g + at : g, x + at,
                            mean, of_g, of_x, constant, d + at, add);
  });
}

}  // namespace metatape::ops
