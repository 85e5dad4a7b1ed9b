// eigenvalues.hpp: eigenvalues of a small matrix that is not symmetric.
#pragma once

#include <complex>
#include <vector>

#include "small_algebra.hpp"

namespace metatape::metalearn::detail {

/// Of a square matrix of a few rows: Hessenberg form, then shifted QR steps in complex arithmetic
/// (Francis 1961; Wilkinson 1965). In no order.
std::vector<std::complex<double>> eigenvalues(const Vectors& rows);

}  // namespace metatape::metalearn::detail
