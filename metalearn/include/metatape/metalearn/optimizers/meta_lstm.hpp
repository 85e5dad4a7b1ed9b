// meta_lstm.hpp: the LSTM whose cell is θ: the update of the LSTM meta-learner.
// Ravi and Larochelle (2017), "Optimization as a model for few-shot learning".
#pragma once

#include <string>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::metalearn {

/// A gradient step has the form of an LSTM's cell update, with the candidate -∇. So the cell is θ,
/// and both gates are learned: how much of θ is kept, and the rate, for each coordinate and step:
///
///   θ' = σ(f) θ - σ(i) ∇
///   f = w_f · [h, θ, f] + b_f,   i = w_i · [h, θ, i] + b_i
///
/// f and i on the right are those of the step before, 0 at first; it is the sum that is fed back,
/// not its σ (as in the authors' code). h is what an ordinary LSTM (as in LstmOptimizer, without
/// its constant on the forget gate) makes of four numbers: loss and gradient, each as
/// GradientInput::log sees it. The same weights for all coordinates, a private state for each.
///
/// φ: of the LSTM `weight_ih_l<l>`, `weight_hh_l<l>` and `bias_l<l>`; `gates.weight` [2, hidden +
/// 2], row f and then row i over h, θ and the gate; `gates.bias` [2]: 2,046 numbers. All uniform in
/// ±0.01 at first, but for the two biases. State: `h<l>`, `c<l>` [hidden, coordinates] and `gates`
/// [2, coordinates], f and i.
///
/// It reads the loss (of several functions side by side their sum). The gradient is of the mean
/// loss; the authors divided it once more by the size of the minibatch, which `grad_scale` does. An
/// f of 6 keeps more of θ: at 0.99 a step, twelve steps shrink it to 0.89.
struct MetaLstm {
  int layers = 1;  ///< of the LSTM
  int hidden = 20;
  double p = 10;                           ///< of what it reads
  double forget_low = 4, forget_high = 5;  ///< b_f is drawn between: gates of 0.982 to 0.993
  double input_low = -5, input_high = -4;  ///< b_i: rates of 0.0067 to 0.018
  double grad_scale = 1;                   ///< on ∇, before anyone reads it
  Key key{};                               ///< of the first weights

  static constexpr const char* kind = "meta_lstm";
  static constexpr bool reads_theta = true;
  static constexpr bool coordinatewise = true;

  [[nodiscard]] std::string name() const { return kind; }
  /// DataError names a setting that cannot be.
  [[nodiscard]] Params phi(DType dtype) const;
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const;
  /// DataError without a loss.
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const;
};

/// Means of the gates over a tensor's coordinates.
struct TensorGates {
  std::string tensor{};
  double forget = 0;  ///< of σ(f): the share of θ that was kept
  double input = 0;   ///< of σ(i): the rate
};
/// Those of the last step, by the state that it left; tensors as in θ. DataError for a state that
/// is not MetaLstm's.
std::vector<TensorGates> gates_of(const Layout& theta, const Params& state);

}  // namespace metatape::metalearn
