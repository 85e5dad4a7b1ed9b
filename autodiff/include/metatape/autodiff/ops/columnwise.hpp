// columnwise.hpp: a small net on each of many columns, by the same weights: what an optimizer that
// treats every coordinate alike is made of. Columns are contiguous ([units, columns], not
// [columns, units]), so twenty units waste no vector lane. A column's bits depend neither on the
// other columns nor on their number. Differentiable twice.
#pragma once

#include "metatape/autodiff/ops/recurrent.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

/// y[t] = W x[t] + b: x [steps, in, columns], weight [out, in], bias [out] or an invalid Var
/// -> [steps, out, columns].
Var linear_columns(Var x, Var weight, Var bias = {});

/// One LSTM layer (lstm in recurrent.hpp: gates i f g o, one bias or none) over a sequence of each
/// column: x [steps, in, columns], h and c [hidden, columns] -> outputs [steps, hidden, columns]
/// and the last state.
/// Keeps 5 hidden numbers a step and column where a gradient may be asked for, none otherwise. In
/// float32, sigmoid and tanh are within 2e-7 absolutely.
LstmOutput lstm_columns(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias);

}  // namespace metatape
