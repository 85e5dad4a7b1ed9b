// quadratics.hpp: random least-squares problems, the first test of every learned optimizer.
// Andrychowicz et al. (2016), section 3.1.
#pragma once

#include <optional>
#include <string>

#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// What W and y are drawn from. The paper's text says Gaussian; its figure and the code that its
/// authors released fit `uniform`. Results are to be compared within one variant only.
enum class QuadraticVariant {
  uniform,  ///< W, y ~ U(0, 1), θ0 ~ N(0, 0.01²): f(θ0) = dim / 3 on average
  normal,   ///< W, y ~ N(0, 1), θ0 ~ N(0, 1): f(θ0) = dim (dim + 1) on average
};

/// "uniform", "normal".
const char* to_string(QuadraticVariant variant);

/// f(θ) = ‖W θ - y‖², W [dim, dim] and y [dim] new for every instance. The minimum is 0, W being
/// regular almost surely.
///
///   initial   "theta" [functions, dim]
///   loss      [functions], or [] for one; no randomness
///
/// Many functions side by side are one batch of products: `functions = 128` costs little more than
/// one. Function i of a key does not depend on how many follow it. Losses are not averaged, so each
/// function has the gradient that it has alone.
struct Quadratics {
  QuadraticVariant variant = QuadraticVariant::uniform;
  int dim = 10;
  int functions = 1;
  std::optional<double> start{};  ///< deviation of θ0; empty: 0.01 (uniform) or 1 (normal)

  /// As make_optimizee reads it: "quadratic:variant=uniform,dim=10".
  [[nodiscard]] std::string name() const;
  /// Throws DataError unless dim and functions are 1 or more and start is 0 or more.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;
};

}  // namespace metatape::tasks
