// pool.hpp: max-pooling of one image [h, w, channels], a vector of channels at a time.
// No index is kept: each function finds the largest of a window again. The first of equals wins,
// and a NaN is larger than any number. float32 for AVX2 and AVX-512; float64, and everything where
// simd() is plain, runs pool_twin.hpp.
#pragma once

#include "pool_twin.hpp"

namespace metatape::kernel {

// For float64 the twins themselves.
using twin::max_pool;
using twin::max_pool_gather;
using twin::max_pool_scatter;

/// y [oh, ow, channels] = the largest of each window
void max_pool(const Pool& s, const float* x, float* y);
/// d [h, w, channels] (add ? += : =) g of each window at its largest element
void max_pool_scatter(const Pool& s, const float* x, const float* g, float* d, bool add);
/// y (add ? += : =) u at the largest element of each window of x
void max_pool_gather(const Pool& s, const float* x, const float* u, float* y, bool add);

}  // namespace metatape::kernel
