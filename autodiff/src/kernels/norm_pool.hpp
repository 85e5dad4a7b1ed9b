// norm_pool.hpp: normalised columns, relu and the largest of a window in one pass over x.
//
//   y = max over the window of relu((x - mean) scale + shift)
//
// Nothing between x and y is kept: each function works out again which pixel of a window is the
// largest (the first of equals). Its cotangent goes there if the value is above zero, and nowhere
// else. Where a column's mean or scale is NaN so is y, and no cotangent comes back. float32 for
// AVX2 and AVX-512; float64, and everything where simd() is plain, runs norm_pool_twin.hpp.
#pragma once

#include "norm_pool_twin.hpp"

namespace metatape::kernel {

// For float64 the twins themselves.
using twin::norm_pool;
using twin::norm_pool_combine;
using twin::norm_pool_cross;
using twin::norm_pool_gather;
using twin::norm_pool_products;

/// side is 1 or 2 in all of these.
void norm_pool(const NormPool& s, const float* x, const float* mean, const float* scale,
               const float* shift, float* y);
/// With e the cotangent that reaches the normalised x: sum = Σ e, product = Σ e (x - mean).
void norm_pool_products(const NormPool& s, const float* g, const float* x, const float* mean,
                        const float* scale, const float* shift, float* sum, float* product);
/// d (add ? += : =) of_g e + of_x (x - mean) + constant
void norm_pool_combine(const NormPool& s, const float* g, const float* x, const float* mean,
                       const float* scale, const float* shift, const float* of_g, const float* of_x,
                       const float* constant, float* d, bool add);

// For second order, with u a cotangent of d.
/// cross = Σ u e
void norm_pool_cross(const NormPool& s, const float* g, const float* x, const float* u,
                     const float* mean, const float* scale, const float* shift, float* cross);
/// y (add ? += : =) of_u u + of_x (x - mean) + constant at the pixel that the cotangent of y goes
/// to, 0 where it goes nowhere.
void norm_pool_gather(const NormPool& s, const float* x, const float* u, const float* mean,
                      const float* scale, const float* shift, const float* of_u, const float* of_x,
                      const float* constant, float* y, bool add);

}  // namespace metatape::kernel
