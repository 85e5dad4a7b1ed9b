// rnnprop.hpp: the RNNprop optimizer.
// Lv, Jiang and Li (2017), "Learning gradient descent: better generalization and longer horizons".
#pragma once

#include <string>

#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::metalearn {

/// A coordinatewise LSTM whose inputs and outputs are bounded, as Adam's are:
///
///   m = beta m + (1 - beta) ∇,   v = beta v + (1 - beta) ∇²,   m̂, v̂ = m, v / (1 - beta^t)
///   x = (∇, m̂) / √(v̂ + epsilon²)
///   z = ELU(A x + a)  →  LSTM layers  →  θ += -alpha tanh(w · h + b)
///
/// φ: `input.weight` [hidden, 2], `input.bias`, the layers as in lstm.hpp, `output.weight`
/// [1, hidden], `output.bias`; matrices truncated normal of deviation 0.1 at first, biases 0. The
/// paper's 2 layers of 20 have 6,641 numbers. State: `mean`, `square` [coordinates], `h<l>`, `c<l>`
/// [hidden, coordinates]. (The paper divides by √v̂ + epsilon, whose slope at ∇ = 0 is infinite.)
struct RnnProp {
  int layers = 2;
  int hidden = 20;
  double alpha = 0.1;  ///< the largest update
  double beta = 0.95;  ///< of both means
  double epsilon = 1e-8;
  double forget_bias = 1;  ///< added to the forget gate; not a weight
  Key key{};               ///< of the first weights

  static constexpr const char* kind = "rnnprop";
  static constexpr bool reads_theta = false;
  static constexpr bool coordinatewise = true;

  [[nodiscard]] std::string name() const { return kind; }
  [[nodiscard]] std::string spec() const;
  /// DataError names a size that cannot be.
  [[nodiscard]] Params phi(DType dtype) const;
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const;
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const;
  [[nodiscard]] SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                        const Bound& state) const;
};

}  // namespace metatape::metalearn
