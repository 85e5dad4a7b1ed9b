// noisy_quadratic.hpp: what gradient descent does to a quadratic with a noisy target, on average
// and in closed form: the case in which short horizons are known to choose rates that are too
// small.
//
//   f_t(θ) = ½ Σ h_i (θ_i - c_i)²,   c_i ~ N(0, σ_i²) anew at every step
//   A_i' = (1 - αh_i)² A_i + α² h_i² σ_i²,      E f = ½ Σ h_i (A_i + σ_i²)        A_i = E θ_i²
//
// Wu, Ren, Liao and Grosse (2018), "Understanding short-horizon bias in stochastic
// meta-optimization". α is the learning rate of a step; it may differ from step to step.
#pragma once

#include <cstdint>
#include <vector>

namespace metatape::tasks {

struct NoisyQuadratic {
  std::vector<double> curvature{};  ///< h_i, above 0
  std::vector<double> noise{};      ///< σ_i²
  std::vector<double> start{};      ///< A_i before the first step

  /// h_i = 1/i, σ_i² = noise/h_i (the gradient's covariance is noise · H), A_i = 1/h_i.
  static NoisyQuadratic harmonic(int coordinates = 100, double noise = 0.1);

  /// A after a step from A at rate α.
  [[nodiscard]] std::vector<double> step(const std::vector<double>& moments, double rate) const;
  /// A after so many steps at one rate, from `start`.
  [[nodiscard]] std::vector<double> after(double rate, std::int64_t steps) const;

  /// E f.
  [[nodiscard]] double loss(const std::vector<double>& moments) const;
  /// E f above its floor ½ Σ h_i σ_i², which no rate reaches: ½ Σ h_i A_i.
  [[nodiscard]] double excess(const std::vector<double>& moments) const;
  /// d E f / dα after so many steps at one rate.
  [[nodiscard]] double slope(double rate, std::int64_t steps) const;

  /// The rate that is best for the next step alone: Σ h_i² A_i / Σ h_i³ (A_i + σ_i²).
  [[nodiscard]] double greedy_rate(const std::vector<double>& moments) const;
  /// The one rate that is best after so many steps, to rounding. DataError for fewer than one step.
  [[nodiscard]] double best_rate(std::int64_t steps) const;
};

}  // namespace metatape::tasks
