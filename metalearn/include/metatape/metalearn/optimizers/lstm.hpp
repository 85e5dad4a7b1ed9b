// lstm.hpp: the coordinatewise LSTM optimizer.
// Andrychowicz et al. (2016), "Learning to learn by gradient descent by gradient descent".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::metalearn {

/// What the net sees of a gradient ∇.
enum class GradientInput {
  raw,  ///< ∇ itself
  /// Two numbers, of like size however small ∇ is (the paper's appendix A):
  ///   (log|∇| / p, sign ∇)  where |∇| >= e^-p,   (-1, e^p ∇)  elsewhere.
  log,
};

/// θ_{t+1} = θ_t + scale (v · h + b), h the output of a small LSTM that sees one coordinate's
/// gradients alone; the same weights for all coordinates, a private state for each:
///
///   i, f, g, o = W_ih x + W_hh h + b        (rows in this order; one bias)
///   c' = σ(f + forget_bias) c + σ(i) tanh(g),     h' = σ(o) tanh(c')
///
/// φ: for each layer l `weight_ih_l<l>` [4 hidden, in], `weight_hh_l<l>` [4 hidden, hidden],
/// `bias_l<l>` [4 hidden], and `output.weight` [1, hidden], `output.bias` [1]; with groups each net
/// under "group<i>.". At first matrices are truncated normal of deviation 1/√fan_in, biases 0: the
/// paper's 2 layers of 20 have 5,061 numbers (raw) or 5,141 (log).
/// State: `h<l>` and `c<l>` [hidden, coordinates], zeros at first.
///
/// `scale` and `input` of the paper: 1 and raw on quadratics, 0.1 and log elsewhere. Raw gradients
/// are not divided by the number of functions side by side. No layers: the identity, that is SGD
/// with a learned rate, -scale · output.weight.
struct LstmOptimizer {
  int layers = 2;
  int hidden = 20;
  GradientInput input = GradientInput::log;
  double p = 10;           ///< of the log input
  double scale = 0.1;      ///< of the output
  double forget_bias = 1;  ///< added to the forget gate; not a weight
  /// So many units of each layer are averaged over a function's coordinates after each step, before
  /// anyone reads them (globally averaged cells, the paper's appendix B). Then coordinates do see
  /// each other.
  int global = 0;
  /// Patterns (`*` stands for any text): a tensor of θ is stepped by the net of the first that its
  /// name matches, and by one more, the last, when none does. Empty: one net for all.
  std::vector<std::string> groups{};
  Key key{};  ///< of the first weights

  static constexpr const char* kind = "lstm";
  static constexpr bool reads_theta = false;
  [[nodiscard]] bool coordinatewise() const { return global == 0; }
  [[nodiscard]] bool has_sequence() const { return global == 0; }

  [[nodiscard]] std::string name() const { return kind; }
  /// "lstm:layers=2,hidden=20,input=log,p=10,scale=0.1,forget_bias=1,global=0", and "groups=a|b"
  /// where there are some.
  [[nodiscard]] std::string spec() const;
  /// DataError names a size that cannot be.
  [[nodiscard]] Params phi(DType dtype) const;
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const;
  /// With `global`: ShapeError where several functions stand side by side and a tensor of θ has
  /// them not as its leading axis.
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const;
  [[nodiscard]] int group(std::string_view tensor) const;
  [[nodiscard]] SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                        const Bound& state) const;
};

}  // namespace metatape::metalearn
