// recurrent.hpp: stacked LSTM and GRU over sequences [steps, batch, width].
// Shapes, names and gate orders are PyTorch's, but for one bias an LSTM layer: bias_l0 is the sum
// of PyTorch's bias_ih_l0 and bias_hh_l0. Layer k > 0 reads the outputs of layer k - 1.
#pragma once

#include <vector>

#include "metatape/autodiff/ops/recurrent.hpp"
#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// Parameters of layer k: weight_ih_lk [4 hidden, in or hidden], weight_hh_lk [4 hidden, hidden],
/// bias_lk [4 hidden]; rows in the order i f g o.
struct LSTM {
  std::int64_t in = 0;
  std::int64_t hidden = 0;
  int layers = 1;
  bool bias = true;
  double dropout = 0;         ///< of the outputs of every layer but the last, while training
  Initialiser weight_init{};  ///< none: PyTorch's, uniform in ±1 / √hidden
  Initialiser bias_init{};    ///< none: the same

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;

  struct Run {
    Var outputs;                  ///< [steps, batch, hidden], of the last layer
    std::vector<LstmState> last;  ///< a layer each
  };
  /// From the given states, one a layer.
  [[nodiscard]] Run run(const Bound& p, Var x, const std::vector<LstmState>& start,
                        const Mode& mode = {}) const;
  /// From zeros: the outputs.
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
  /// One step of all layers: x [batch, in] -> the states after it; the last layer's h is the
  /// output.
  [[nodiscard]] std::vector<LstmState> step(const Bound& p, Var x,
                                            const std::vector<LstmState>& states,
                                            const Mode& mode = {}) const;
  /// Zeros on x's tape, in x's type.
  [[nodiscard]] std::vector<LstmState> zero_state(Var x, std::int64_t batch) const;
};

/// Parameters of layer k: weight_ih_lk [3 hidden, in or hidden], weight_hh_lk [3 hidden, hidden],
/// bias_ih_lk and bias_hh_lk [3 hidden]; rows in the order r z n.
struct GRU {
  std::int64_t in = 0;
  std::int64_t hidden = 0;
  int layers = 1;
  bool bias = true;
  double dropout = 0;         ///< of the outputs of every layer but the last, while training
  Initialiser weight_init{};  ///< none: PyTorch's, uniform in ±1 / √hidden
  Initialiser bias_init{};    ///< none: the same

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;

  struct Run {
    Var outputs;            ///< [steps, batch, hidden], of the last layer
    std::vector<Var> last;  ///< [batch, hidden], a layer each
  };
  [[nodiscard]] Run run(const Bound& p, Var x, const std::vector<Var>& start,
                        const Mode& mode = {}) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
  [[nodiscard]] std::vector<Var> step(const Bound& p, Var x, const std::vector<Var>& states,
                                      const Mode& mode = {}) const;
  [[nodiscard]] std::vector<Var> zero_state(Var x, std::int64_t batch) const;
};

}  // namespace metatape::nn
