// recurrent.hpp: stacked LSTM and GRU layers over sequences.
#pragma once

#include <vector>

#include "metatape/autodiff/ops/recurrent.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// x [steps, batch, in] -> [steps, batch, hidden]. Layer l holds weight_ih_l<l> [4 hidden, in],
/// weight_hh_l<l> [4 hidden, hidden], bias_l<l> [4 hidden], uniform in ± 1 / sqrt(hidden) at first;
/// gates i f g o. PyTorch's two biases are one here, their sum.
struct Lstm {
  std::int64_t in = 1;
  std::int64_t hidden = 1;
  int layers = 1;

  struct Result {
    Var outputs;                  ///< of the last layer
    std::vector<LstmState> last;  ///< of each layer
  };

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  /// From zeros.
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
  /// From given states, one a layer; empty: zeros.
  [[nodiscard]] Result run(const Bound& p, Var x, const std::vector<LstmState>& from = {}) const;
};

/// x [steps, batch, in] -> [steps, batch, hidden]. Layer l holds weight_ih_l<l> [3 hidden, in],
/// weight_hh_l<l>, bias_ih_l<l>, bias_hh_l<l>; gates r z n, as PyTorch's.
struct Gru {
  std::int64_t in = 1;
  std::int64_t hidden = 1;
  int layers = 1;

  struct Result {
    Var outputs;
    std::vector<Var> last;  ///< [batch, hidden] of each layer
  };

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const;
  [[nodiscard]] Result run(const Bound& p, Var x, const std::vector<Var>& from = {}) const;
};

}  // namespace metatape::nn
