// recurrent.hpp: LSTM and GRU cells, each step one fused op. Differentiable twice.
// Gate order, shapes and names are PyTorch's; an LSTM layer has one bias.
#pragma once

#include "metatape/autodiff/var.hpp"

namespace metatape {

struct LstmState {
  Var h;  ///< [batch, hidden]
  Var c;  ///< [batch, hidden]
};

/// One step. x [batch, in], weight_ih [4 hidden, in], weight_hh [4 hidden, hidden],
/// bias [4 hidden] or an invalid Var; rows of the weights in the order i f g o:
///   i, f, o = sigmoid(x W_ihᵀ + h W_hhᵀ + b), g = tanh(...), c' = f c + i g, h' = o tanh(c').
/// Hochreiter and Schmidhuber (1997), Gers et al. (2000).
LstmState lstm_cell(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias);

/// A whole sequence by one layer: x [steps, batch, in] -> outputs [steps, batch, hidden] and the
/// last state. The same as a cell a step, but faster: weights are packed once, and the products of
/// many steps are one where those of a step are small.
struct LstmOutput {
  Var outputs;
  LstmState last;
};
LstmOutput lstm(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias);

/// One step. weight_ih [3 hidden, in], weight_hh [3 hidden, hidden], bias_ih and bias_hh
/// [3 hidden] or invalid; rows in the order r z n:
///   r, z = sigmoid(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh),
///   n = tanh(x W_inᵀ + b_in + r (h W_hnᵀ + b_hn)),  h' = (1 - z) n + z h.
/// Cho et al. (2014), in the form of cuDNN and PyTorch.
Var gru_cell(Var x, Var h, Var weight_ih, Var weight_hh, Var bias_ih, Var bias_hh);

}  // namespace metatape
