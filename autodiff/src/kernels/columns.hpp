// columns.hpp: passes over a block of rows x [rows, n] whose columns are normalised (batch
// normalisation). The sums of four vectors of columns stay in registers while rows run. float32
// for AVX2 and AVX-512; float64, and everything where simd() is plain, runs columns_twin.hpp.
#pragma once

#include <cstdint>

#include "columns_twin.hpp"

namespace metatape::kernel {

// For float64 the twins themselves.
using twin::column_moments;
using twin::column_products;
using twin::combine_columns;
using twin::normalise_columns;

/// mean of each column and Σ (x - mean)²; rows >= 1.
void column_moments(std::int64_t rows, std::int64_t n, const float* x, float* mean, float* square);
/// y = (x - mean) scale + shift
void normalise_columns(std::int64_t rows, std::int64_t n, const float* x, const float* mean,
                       const float* scale, const float* shift, float* y);
/// sum = Σ g, product = Σ g (x - mean)
void column_products(std::int64_t rows, std::int64_t n, const float* g, const float* x,
                     const float* mean, float* sum, float* product);
/// d (add ? += : =) of_g g + of_x (x - mean) + constant; of_g may be null for 0.
void combine_columns(std::int64_t rows, std::int64_t n, const float* g, const float* x,
                     const float* mean, const float* of_g, const float* of_x, const float* constant,
                     float* d, bool add);

}  // namespace metatape::kernel
