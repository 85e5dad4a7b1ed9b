// closed_systems.hpp: systems that papers study estimators on, with known gradients. All in
// float64.
#pragma once

#include <functional>

#include "metatape/metalearn/estimators/dynamics.hpp"
#include "metatape/tasks/optimizees/noisy_quadratic.hpp"

namespace metatape::metalearn {

/// Influence balancing, where a short look back sees the wrong sign: a chain of n numbers passes on
/// what its end was told, the first ten are told θ and all others -θ, and only the first is judged.
///
///   s' = A s + b θ,   A = ½ I + ½ (ones above the diagonal),   b = +1 ten times, then -1
///   ℓ_t = ½ (s_t[0] - 1)²,   s_0 = (1, …, 1)
///
/// At rest s[0] = -6θ for n = 23: the optimum is θ = -1/6. φ is "theta", []. Tallec and Ollivier
/// (2018), "Unbiased online recurrent optimization"; Vicol et al. (2021).
struct InfluenceBalancing {
  std::int64_t numbers = 23, positive = 10;

  [[nodiscard]] Dynamics run(std::int64_t steps) const;
  /// Only the last loss counts, and s_0 is where the chain comes to rest at θ: what dL/dφ of
  /// `steps` steps is, truncated reverse mode with such a window sees at rest.
  [[nodiscard]] Dynamics run_at_rest(std::int64_t steps, double theta) const;
  /// ℓ at rest.
  [[nodiscard]] double loss_at_rest(double theta) const;
  static Params phi(double theta);
};

/// The two-dimensional test of persistent evolution strategies: gradient descent on the optimizee
/// pes_2d from (1, 1), at a rate that goes straight from one number to another.
///
///   α_t = e^φ1 (T - t)/T + e^φ2 t/T,     L = Σ_{t=1..T} f(x_t)
///
/// φ is "log_first_rate" and "log_last_rate", each []. Vicol, Metz and Sohl-Dickstein (2021).
struct PesTwoDimensional {
  [[nodiscard]] static Dynamics run(std::int64_t steps);
  static Params phi(double first_rate, double last_rate);
};

/// α_t of φ, one element.
using RateOf = std::function<Var(const Bound& phi, std::int64_t t)>;

/// The moments A of a noisy quadratic under gradient descent with the rates `rate`, and of the last
/// the expected loss above its floor, ½ Σ h_i A_i. State "moments".
Dynamics noisy_quadratic_run(const tasks::NoisyQuadratic& quadratic, std::int64_t steps,
                             RateOf rate);

}  // namespace metatape::metalearn
