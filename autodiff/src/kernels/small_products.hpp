// small_products.hpp: products of matrices so small that calling BLAS would take longer.
// Every element is the sum of its products in their order, each multiplied and then added: the same
// bits on every instruction set.
#pragma once

#include <cstdint>

namespace metatape::kernel {

/// Products whose m n k is not above this are small.
constexpr std::int64_t small_product = 512;

/// y (add ? += : =) op(a) op(b): y [m, n]; a and b are stored as [m, k] and [k, n], or turned (at,
/// bt). The leading distances are between rows as stored. m n k is small_product at most.
void multiply_small(bool at, bool bt, std::int64_t m, std::int64_t n, std::int64_t k,
                    const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, bool add);
void multiply_small(bool at, bool bt, std::int64_t m, std::int64_t n, std::int64_t k,
                    const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double* y,
                    std::int64_t ldy, bool add);

}  // namespace metatape::kernel
