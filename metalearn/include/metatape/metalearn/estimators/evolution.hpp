// evolution.hpp: gradients from losses of perturbed runs, without going back through any.
// All are of a smoothed loss: L_σ(φ) = E L(φ + σ ε) for whole-run perturbations. Pairs are
// antithetic (φ + σ ε and φ - σ ε) and see the same minibatches.
#pragma once

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// Evolution strategies on whole runs. Salimans et al. (2017).
struct Es {
  enum class Kind {
    antithetic,  ///< ε (L(φ + σε) - L(φ - σε)) / 2σ
    baseline,    ///< ε (L(φ + σε) - L(φ)) / σ
    one_sided,   ///< ε L(φ + σε) / σ: its variance grows as L² / σ²
  };
  int pairs = 64;  ///< perturbations, averaged; in parallel
  double sigma = 0.01;
  Kind kind = Kind::antithetic;

  [[nodiscard]] std::string name() const;  ///< "es:64", "es-baseline:64", "es-one-sided:64"
  [[nodiscard]] std::int64_t window(std::int64_t steps) const { return steps; }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

/// Evolution strategies that answer every `length` steps.
struct WindowedEs {
  enum class Kind {
    /// Each window alone, its pairs starting from the one unperturbed state: cheap, and biased as
    /// truncation is. Metz et al. (2019).
    truncated,
    /// Persistent: pairs keep their states, a new ε each window, and a window's losses are weighed
    /// by the sum of all ε since the run's start. Unbiased for the loss smoothed by independent
    /// noise a window. Vicol, Metz and Sohl-Dickstein (2021).
    persistent,
    /// Noise reuse: one ε a pair for the whole run, so that the sum of windows is whole-run ES.
    /// Li et al. (2023); ES-Single, Vicol et al. (2023).
    reused,
  };
  Kind kind = Kind::persistent;
  int pairs = 64;
  double sigma = 0.01;
  std::int64_t length = 10;

  [[nodiscard]] std::string name() const;  ///< "truncated-es:64:10", "pes:64:10", "nres:64:10"
  [[nodiscard]] std::int64_t window(std::int64_t steps) const;
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

}  // namespace metatape::metalearn
