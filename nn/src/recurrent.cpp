// recurrent.cpp: stacks of the fused cells of autodiff/ops/recurrent.hpp.
#include "metatape/nn/recurrent.hpp"

#include <cmath>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::nn {

namespace {

std::string of_layer(const char* name, int layer) {
  return std::string(name) + "_l" + std::to_string(layer);
}

template <class Net>
Params init_stack(const Net& net, const char* op, std::int64_t gates,
                  std::initializer_list<const char*> biases, Key key, DType dtype) {
  if (net.in < 1 || net.hidden < 1 || net.layers < 1)
    throw DataError(std::string(op) + ": in " + std::to_string(net.in) + ", hidden " +
                    std::to_string(net.hidden) + ", layers " + std::to_string(net.layers) +
                    ": each at least 1");
  const double bound = 1 / std::sqrt(static_cast<double>(net.hidden));
  std::vector<std::pair<std::string, Tensor>> tensors;
  const auto add = [&](const std::string& name, const Shape& shape) {
    tensors.emplace_back(name, uniform(shape, key.split(name), -bound, bound, dtype));
  };
  for (int l = 0; l < net.layers; ++l) {
    add(of_layer("weight_ih", l), {gates * net.hidden, l == 0 ? net.in : net.hidden});
    add(of_layer("weight_hh", l), {gates * net.hidden, net.hidden});
    for (const char* bias : biases) add(of_layer(bias, l), {gates * net.hidden});
  }
  return Params(tensors);
}

// Checks a sequence and the states it starts from.
template <class Net>
void require_start(const Net& net, const char* op, Var x, std::size_t states) {
  if (x.shape().rank() != 3 || x.shape()[0] < 1)
    throw ShapeError(std::string(op) + ": x " + to_string(x.shape()) +
                     ": [steps, batch, in] with a step or more is expected");
  if (states != 0 && states != static_cast<std::size_t>(net.layers))
    throw ShapeError(std::string(op) + ": " + std::to_string(states) + " states for " +
                     std::to_string(net.layers) + " layers");
}

Var zero_state(Var x, std::int64_t hidden) {
  return x.tape().constant(Tensor::zeros({x.shape()[1], hidden}, x.dtype()));
}

}  // namespace

Params Lstm::init(Key key, DType dtype) const {
  return init_stack(*this, "lstm", 4, {"bias"}, key, dtype);
}

Lstm::Result Lstm::run(const Bound& p, Var x, const std::vector<LstmState>& from) const {
  require_start(*this, "lstm", x, from.size());
  Result r{x, {}};
  for (int l = 0; l < layers; ++l) {
    const Var zero = from.empty() ? zero_state(x, hidden) : Var{};
    const LstmState start =
        from.empty() ? LstmState{zero, zero} : from[static_cast<std::size_t>(l)];
    const LstmOutput out = lstm(r.outputs, start, p[of_layer("weight_ih", l)],
                                p[of_layer("weight_hh", l)], p[of_layer("bias", l)]);
    r.outputs = out.outputs;
    r.last.push_back(out.last);
  }
  return r;
}

Var Lstm::operator()(const Bound& p, Var x, const Mode&) const { return run(p, x).outputs; }

Params Gru::init(Key key, DType dtype) const {
  return init_stack(*this, "gru", 3, {"bias_ih", "bias_hh"}, key, dtype);
}

Gru::Result Gru::run(const Bound& p, Var x, const std::vector<Var>& from) const {
  require_start(*this, "gru", x, from.size());
  Result r{x, {}};
  for (int l = 0; l < layers; ++l) {
    Var h = from.empty() ? zero_state(x, hidden) : from[static_cast<std::size_t>(l)];
    std::vector<Var> outputs;
    for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
      h = gru_cell(row(r.outputs, t), h, p[of_layer("weight_ih", l)], p[of_layer("weight_hh", l)],
                   p[of_layer("bias_ih", l)], p[of_layer("bias_hh", l)]);
      outputs.push_back(h);
    }
    r.outputs = stack(outputs);
    r.last.push_back(h);
  }
  return r;
}

Var Gru::operator()(const Bound& p, Var x, const Mode&) const { return run(p, x).outputs; }

}  // namespace metatape::nn
