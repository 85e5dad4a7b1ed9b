// norm_loops.hpp: the passes of batch normalisation over x [rows, channels], in blocks of rows that
// stay in cache; sums are added in block order, so the bits do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/columns.hpp"
#include "moments.hpp"

namespace metatape::ops {

/// y = (x - mean) scale + shift
template <Scalar T, class Context>
void normalise(const Context& c, const RowBlocks& s, const T* x, const T* mean, const T* scale,
               const T* shift, T* y) {
  run_blocks(c, s.count(), [&](std::int64_t b, int) {
    const std::int64_t at = s.first(b) * s.channels;
    kernel::normalise_columns(s.size(b), s.channels, x + at, mean, scale, shift, y + at);
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
    const std::int64_t at = s.first(b) * n;
    T* sums = parts + b * 2 * n;
    kernel::column_products(s.size(b), n, g + at, x + at, mean, sums, sums + n);
  });
  add_parts(blocks, n, parts, sum, product);
}

/// d (add ? += : =) of_g g + of_x (x - mean) + constant, by column; of_g may be null for 0.
template <Scalar T, class Context>
void combine_columns(const Context& c, const RowBlocks& s, const T* g, const T* x, const T* mean,
                     const T* of_g, const T* of_x, const T* constant, T* d, bool add) {
  run_blocks(c, s.count(), [&](std::int64_t b, int) {
    const std::int64_t at = s.first(b) * s.channels;
    kernel::combine_columns(s.size(b), s.channels, g ? g + at : g, x + at, mean, of_g, of_x,
                            constant, d + at, add);
  });
}

}  // namespace metatape::ops
