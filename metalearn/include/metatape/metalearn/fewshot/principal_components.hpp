// principal_components.hpp: the few directions along which rows differ most: embeddings as points
// of a plane.
#pragma once

#include <vector>

#include "metatape/autodiff/tensor.hpp"

namespace metatape::metalearn {

struct PrincipalComponents {
  Tensor points{};               ///< [n, k] coordinates of the rows, their mean at 0
  std::vector<double> shares{};  ///< [k] of the variance, descending; 0 where rows do not differ
};

/// Of rows [n, d], float32, by subspace iteration with Rayleigh-Ritz steps (Halko, Martinsson and
/// Tropp 2011) from a fixed start, so the same rows give the same bits; the largest entry of each
/// direction is positive. O(n d) memory, so embeddings of thousands of numbers are no trouble.
/// Throws ShapeError unless n >= 1, d >= 1 and 1 <= k <= 16.
PrincipalComponents principal_components(const Tensor& rows, int k = 2);

}  // namespace metatape::metalearn
