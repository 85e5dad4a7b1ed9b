// lstm_stack.hpp: the layers that the LSTM optimizer and RNNprop share: their weights, their state
// and their run over columns.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::metalearn::detail {

using Named = std::vector<std::pair<std::string, Tensor>>;
using Shapes = std::vector<std::pair<std::string, Shape>>;

struct LstmStack {
  std::int64_t in = 1, hidden = 1;
  int layers = 1;
  double forget_bias = 1;

  /// Truncated normal of this deviation, or of 1/√fan_in where it is 0.
  void add_weights(Named& to, double deviation, Key key, DType dtype) const;
  /// h<l> and c<l>.
  void add_state(Shapes& to, std::int64_t coordinates) const;

  /// x [steps, in, columns] -> the last layer's outputs [steps, hidden, columns]; the new h<l> and
  /// c<l> are appended to `after`. `change` (steps = 1) may replace a layer's h before anyone reads
  /// it.
  Var run(const Bound& phi, Var x, const Bound& state, std::vector<Var>& after,
          const std::function<Var(Var h)>& change = {}) const;
};

/// A first state: zeros of θ's type, made in place (of ten million coordinates it has gigabytes).
Params zero_state(Shapes shapes, const Params& theta);

/// x of any size as two numbers of like size (GradientInput::log): log|x| / p and sign x where
/// |x| >= e^-p, elsewhere -1 and e^p x.
std::vector<Var> in_logs(Var x, double p);

/// DataError unless `p` is one that float32 stands.
void require_logs(const char* optimizer, double p);
/// DataError names what is below `least`.
void require_at_least(const char* optimizer, const char* what, double value, double least);

}  // namespace metatape::metalearn::detail
