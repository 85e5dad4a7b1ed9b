// telescoping.hpp: a limit estimated from a few terms of a sequence, without bias.
#pragma once

#include <cstdint>
#include <functional>

#include "metatape/autodiff/random.hpp"
#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// Randomised telescoping of Y_1, Y_2, ..., Y_n, gradients that look ever further, say: with
/// Δ_k = Y_k - Y_{k-1} and a random N, P(N >= k) = q^{k-1} (all of the rest at n), the mean is Y_n
/// whatever q. Beatson and Adams (2019). The variance is finite as n grows only where Δ² falls
/// faster than q^k: not in chaos, for any q.
struct Telescoping {
  enum class Kind {
    roulette,  ///< Σ_{k<=N} Δ_k / P(N >= k): N terms are computed
    single,    ///< Δ_N / P(N = N): one difference
  };
  Kind kind = Kind::roulette;
  double q = 0.5;
  std::int64_t terms = 6;  ///< n

  /// P(N = k), k = 1 .. n. DataError unless 0 < q < 1 and terms >= 1.
  [[nodiscard]] double probability(std::int64_t k) const;
  [[nodiscard]] std::int64_t draw(Key key) const;
  /// What N = k says. `y(k)` is asked for k = 1 .. N (roulette) or N - 1 and N.
  [[nodiscard]] double answer(std::int64_t k, const std::function<double(std::int64_t)>& y) const;
};

/// The same of dL/dφ of runs cut short: Y_k is the exact gradient of the run's first
/// ceil(T k / terms) steps, so that long runs are made seldom. "roulette:Q", "single-term:Q".
struct RandomHorizon {
  Telescoping telescoping{};

  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::int64_t window(std::int64_t steps) const { return steps; }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

}  // namespace metatape::metalearn
