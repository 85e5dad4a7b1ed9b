// reverse.hpp: back through the steps: exact, without second order, truncated, randomly truncated.
#pragma once

#include <span>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// Reverse mode. Within a window the gradient is that of `order`; nothing flows across its border.
struct Reverse {
  Order order = Order::exact;
  std::int64_t truncation = 0;  ///< steps of a window; 0: the whole run
  /// Steps that are on the tape at once. States are kept at the starts of segments, and each
  /// segment is recorded again when the pass back comes to it. 0: the whole window, once. 1: a
  /// Hessian-vector product a step, made on a little tape and thrown away; √T: least memory.
  std::int64_t segment = 0;

  /// "exact", "exact-hvp" (segments of 1), "checkpointed:S" (of S), "first", "truncated:K",
  /// "truncated-first:K"; segments of the last three as "first@S".
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::int64_t window(std::int64_t steps) const;
  [[nodiscard]] bool draws() const { return false; }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

/// Random truncation, reweighted: going back, what flows through each step is cut with probability
/// `cut`, else multiplied by 1 / (1 - cut). Unbiased for any cut in [0, 1); the variance grows as
/// the product of those factors. Tallec and Ollivier (2017), "Unbiasing truncated backpropagation
/// through time". Memory is that of the longest piece between two cuts.
struct Artbp {
  double cut = 0.1;

  [[nodiscard]] std::string name() const;  ///< "artbp:0.1"
  [[nodiscard]] std::int64_t window(std::int64_t steps) const { return steps; }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const;
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const;
};

/// The same with factors of one's own: what flows back from s_{t+1} to s_t is multiplied by
/// factors[t], one a step of the run. Ones: exact; zeros at every K-th: windows of K.
Estimate reverse_with_factors(const Dynamics& run, const Params& phi,
                              std::span<const double> factors, UnrollScratch& scratch);

}  // namespace metatape::metalearn
