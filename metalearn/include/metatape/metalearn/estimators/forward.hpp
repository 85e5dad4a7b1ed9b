// forward.hpp: tangents carried along with the run: memory does not grow with its length.
#pragma once

#include <functional>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// Forward mode (real-time recurrent learning): z_j' = J z_j + B d_j for directions d_j of φ. Time
/// grows with their number, memory does not grow with the run. Williams and Zipser (1989);
/// Franceschi et al. (2017).
struct Forward {
  /// 0: every coordinate of φ, which is exact. R: directions d_j ~ N(0, I) instead, and the
  /// estimate (1/R) Σ_j (dL/dφ · d_j) d_j, which is unbiased. Baydin et al. (2022).
  int directions = 0;
  std::int64_t answer_every = 0;  ///< steps of a window; 0: the whole run
  /// Not empty: these directions, of φ's layout. The estimate is Σ_j (dL/dφ · d_j) d_j: where they
  /// are orthonormal, the gradient's part in their span.
  std::vector<Params> along{};

  [[nodiscard]] std::string name() const;  ///< "forward", "forward:R", "forward:along"
  [[nodiscard]] std::int64_t window(std::int64_t steps) const;
  [[nodiscard]] bool draws() const { return directions > 0 && along.empty(); }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

/// Unbiased online recurrent optimization: the tangents of all of φ as one product s̃ θ̃ᵀ, kept so by
/// random signs. Memory of one state and one φ; unbiased; noisy. Tallec and Ollivier (2018).
struct Uoro {
  std::int64_t answer_every = 0;  ///< steps of a window; 0: the whole run
  /// ν of step t, entries ±1, where not drawn from the key; for tests that go through all of them.
  std::function<Tensor(std::int64_t t)> signs{};

  [[nodiscard]] std::string name() const { return "uoro"; }
  [[nodiscard]] std::int64_t window(std::int64_t steps) const;
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

}  // namespace metatape::metalearn
