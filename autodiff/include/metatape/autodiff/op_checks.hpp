// op_checks.hpp: every op held against its definition; what `metatape gradients check` prints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/autodiff/check.hpp"

namespace metatape {

/// The worst errors of one function over all its cases; below 0 where it has no such rule.
struct OpReport {
  std::string name;
  int cases = 0;
  double first_order = -1;  ///< float64, against central differences
  double recorded = -1;     ///< recorded against fast pullback
  double second_order = -1;
  double float32 = -1;  ///< value, gradient, recorded gradient against float64; over SIMD targets
  std::vector<std::string> failures;  ///< refusals and hard points that came out otherwise
};

/// Bounds that a report must keep.
struct OpBounds {
  double first_order = 1e-7;
  double recorded = 1e-12;
  double second_order = 1e-5;
  double float32 = 1e-5;
};

/// Names of all functions in the table, in its order.
std::vector<std::string> checked_ops();
/// One function's row. DataError names an unknown one. Holds the kernels to one instruction set
/// after another meanwhile: no other thread should compute.
OpReport check_op(std::string_view name, const CheckOptions& options = {});
/// Within the bounds, and nothing failed.
bool passes(const OpReport& report, const OpBounds& bounds = {});

}  // namespace metatape
