// recurrent.cpp: stacks of the fused cells of autodiff/ops/recurrent.hpp.
#include "metatape/nn/recurrent.hpp"

#include "layers.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/dropout.hpp"

namespace metatape::nn {

namespace {

std::string of_layer(const char* name, int layer) {
  return std::string(name) + "_l" + std::to_string(layer);
}

template <class Stack>
Params init_stack(const Stack& net, const char* op, std::int64_t gates,
                  std::initializer_list<const char*> biases, Key key, DType dtype) {
  require_positive(net.in, op, "in");
  require_positive(net.hidden, op, "hidden");
  require_positive(net.layers, op, "layers");
  const Initialiser weight = or_torch(net.weight_init, net.hidden);
  const Initialiser bias = or_torch(net.bias_init, net.hidden);
  const std::int64_t rows = gates * net.hidden;
  std::vector<std::pair<std::string, Tensor>> tensors;
  const auto add = [&](const std::string& name, const Initialiser& start, const Shape& shape) {
    tensors.emplace_back(name, start(shape, key.split(name), dtype));
  };
  for (int k = 0; k < net.layers; ++k) {
    add(of_layer("weight_ih", k), weight, {rows, k == 0 ? net.in : net.hidden});
    add(of_layer("weight_hh", k), weight, {rows, net.hidden});
    if (!net.bias) continue;
    for (const char* name : biases) add(of_layer(name, k), bias, {rows});
  }
  return Params(tensors);
}

// What a layer hands to the next one.
template <class Stack>
Var between(const Stack& net, int layer, Var outputs, const Mode& mode) {
  if (!mode.training || layer + 1 == net.layers) return outputs;
  return dropout(outputs, net.dropout, mode.key.split(of_layer("dropout", layer)));
}

void require_states(const char* op, std::size_t given, int layers) {
  if (given != static_cast<std::size_t>(layers))
    throw ShapeError(std::string(op) + ": " + std::to_string(given) + " states for " +
                     std::to_string(layers) + " layers");
}

void require_sequence(const char* op, Var x) {
  if (x.shape().rank() != 3)
    throw ShapeError(std::string(op) + ": x " + to_string(x.shape()) +
                     ": [steps, batch, width] is expected");
}

Var zeros_like(Var x, std::int64_t batch, std::int64_t hidden) {
  return x.tape().constant(Tensor::zeros({batch, hidden}, x.dtype()));
}

struct LstmWeights {
  Var ih, hh, bias;
};

LstmWeights weights_of(const LSTM& net, const Bound& p, int layer) {
  return {p[of_layer("weight_ih", layer)], p[of_layer("weight_hh", layer)],
          net.bias ? p[of_layer("bias", layer)] : Var{}};
}

struct GruWeights {
  Var ih, hh, bias_ih, bias_hh;
};

GruWeights weights_of(const GRU& net, const Bound& p, int layer) {
  return {p[of_layer("weight_ih", layer)], p[of_layer("weight_hh", layer)],
          net.bias ? p[of_layer("bias_ih", layer)] : Var{},
          net.bias ? p[of_layer("bias_hh", layer)] : Var{}};
}

}  // namespace

Params LSTM::init(Key key, DType dtype) const {
  return init_stack(*this, "lstm", 4, {"bias"}, key, dtype);
}

std::vector<LstmState> LSTM::zero_state(Var x, std::int64_t batch) const {
  const Var zero = zeros_like(x, batch, hidden);
  return std::vector<LstmState>(static_cast<std::size_t>(layers), LstmState{zero, zero});
}

LSTM::Run LSTM::run(const Bound& p, Var x, const std::vector<LstmState>& start,
                    const Mode& mode) const {
  require_sequence("lstm", x);
  require_states("lstm", start.size(), layers);
  Run result{x, {}};
  for (int k = 0; k < layers; ++k) {
    const LstmWeights w = weights_of(*this, p, k);
    const LstmOutput out =
        lstm(result.outputs, start[static_cast<std::size_t>(k)], w.ih, w.hh, w.bias);
    result.outputs = between(*this, k, out.outputs, mode);
    result.last.push_back(out.last);
  }
  return result;
}

Var LSTM::operator()(const Bound& p, Var x, const Mode& mode) const {
  require_sequence("lstm", x);
  return run(p, x, zero_state(x, x.shape()[1]), mode).outputs;
}

std::vector<LstmState> LSTM::step(const Bound& p, Var x, const std::vector<LstmState>& states,
                                  const Mode& mode) const {
  require_states("lstm", states.size(), layers);
  std::vector<LstmState> next;
  for (int k = 0; k < layers; ++k) {
    const LstmWeights w = weights_of(*this, p, k);
    next.push_back(lstm_cell(x, states[static_cast<std::size_t>(k)], w.ih, w.hh, w.bias));
    x = between(*this, k, next.back().h, mode);
  }
  return next;
}

Params GRU::init(Key key, DType dtype) const {
  return init_stack(*this, "gru", 3, {"bias_ih", "bias_hh"}, key, dtype);
}

std::vector<Var> GRU::zero_state(Var x, std::int64_t batch) const {
  return std::vector<Var>(static_cast<std::size_t>(layers), zeros_like(x, batch, hidden));
}

GRU::Run GRU::run(const Bound& p, Var x, const std::vector<Var>& start, const Mode& mode) const {
  require_sequence("gru", x);
  require_states("gru", start.size(), layers);
  if (x.shape()[0] == 0)
    throw ShapeError("gru: x " + to_string(x.shape()) + ": one step or more is needed");
  Run result{x, start};
  for (int k = 0; k < layers; ++k) {
    const GruWeights w = weights_of(*this, p, k);
    Var& h = result.last[static_cast<std::size_t>(k)];
    std::vector<Var> outputs;
    for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
      h = gru_cell(row(result.outputs, t), h, w.ih, w.hh, w.bias_ih, w.bias_hh);
      outputs.push_back(h);
    }
    result.outputs = between(*this, k, stack(outputs), mode);
  }
  return result;
}

Var GRU::operator()(const Bound& p, Var x, const Mode& mode) const {
  require_sequence("gru", x);
  return run(p, x, zero_state(x, x.shape()[1]), mode).outputs;
}

std::vector<Var> GRU::step(const Bound& p, Var x, const std::vector<Var>& states,
                           const Mode& mode) const {
  require_states("gru", states.size(), layers);
  std::vector<Var> next;
  for (int k = 0; k < layers; ++k) {
    const GruWeights w = weights_of(*this, p, k);
    next.push_back(
        gru_cell(x, states[static_cast<std::size_t>(k)], w.ih, w.hh, w.bias_ih, w.bias_hh));
    x = between(*this, k, next.back(), mode);
  }
  return next;
}

}  // namespace metatape::nn
