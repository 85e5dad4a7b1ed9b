// columns_twin.hpp: the passes of columns.hpp as plain loops: float64, and processors without
// AVX2. Tests hold the vector forms to these.
#pragma once

#include <algorithm>
#include <cstdint>

namespace metatape::kernel::twin {

template <class T>
void column_moments(std::int64_t rows, std::int64_t n, const T* x, T* mean, T* square) {
  std::fill_n(mean, n, T{0});
  std::fill_n(square, n, T{0});
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) mean[j] += x[r * n + j];
  for (std::int64_t j = 0; j < n; ++j) mean[j] /= static_cast<T>(rows);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) {
      const T d = x[r * n + j] - mean[j];
      square[j] += d * d;
    }
}

template <class T>
void normalise_columns(std::int64_t rows, std::int64_t n, const T* x, const T* mean, const T* scale,
                       const T* shift, T* y) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j)
      y[r * n + j] = (x[r * n + j] - mean[j]) * scale[j] + shift[j];
}

template <class T>
void column_products(std::int64_t rows, std::int64_t n, const T* g, const T* x, const T* mean,
                     T* sum, T* product) {
  std::fill_n(sum, n, T{0});
  std::fill_n(product, n, T{0});
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) {
      sum[j] += g[r * n + j];
      product[j] += g[r * n + j] * (x[r * n + j] - mean[j]);
    }
}

template <class T>
void combine_columns(std::int64_t rows, std::int64_t n, const T* g, const T* x, const T* mean,
                     const T* of_g, const T* of_x, const T* constant, T* d, bool add) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t at = r * n + j;
      const T value = (of_g ? of_g[j] * g[at] : T{0}) + of_x[j] * (x[at] - mean[j]) + constant[j];
      d[at] = add ? d[at] + value : value;
    }
}

}  // namespace metatape::kernel::twin
