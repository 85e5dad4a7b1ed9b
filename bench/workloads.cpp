// workloads.cpp: the workloads that README.md states, in the words of a user of the library.
#include "workloads.hpp"

#include <algorithm>

#include <cstdint>
#include <utility>

#include "filled.hpp"

namespace bench {

using namespace metatape;

namespace {

// ---- W4a: the step of a prototypical network

Workload prototypical(std::int64_t ways, std::int64_t shots, DType dtype) {
  constexpr std::int64_t filters = 64, queries = 15, blocks = 4;
  constexpr double image_flop = 57987072;
  const std::int64_t support = ways * shots, query = ways * queries;
  std::vector<Tensor> parameters;
  for (std::uint32_t b = 0; b < blocks; ++b) {
    const std::int64_t in = b == 0 ? 1 : filters;
    const float scale = b == 0 ? 0.8f : 0.1f;
    parameters.push_back(filled(30 + b, {filters, in, 3, 3}, scale, 0, dtype));
    parameters.push_back(filled(40 + b, {filters}, 0.1f, 1, dtype));
    parameters.push_back(filled(50 + b, {filters}, 0.1f, 0, dtype));
  }
  const Tensor images = filled(200, {support + query, 28, 28, 1}, 0.5f, 0.5f, dtype);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < query; ++i) labels.push_back(static_cast<std::int32_t>(i / queries));
  const Indices targets(std::move(labels));

  Workload w;
  w.flop = static_cast<double>(support + query) * image_flop;
  w.step = [=](Tape& tape) -> Outcome {
    std::vector<Var> p;
    for (const Tensor& t : parameters) p.push_back(tape.variable(t));
    Var x = tape.constant(images);
    for (std::size_t b = 0; b < blocks; ++b) {
      x = conv2d(x, p[3 * b], {.padding = {1, 1}});
      x = batch_norm_relu_pool(x, p[3 * b + 1], p[3 * b + 2]);
    }
    const Var z = flatten(x, 1);
    const Var prototypes = mean(reshape(rows(z, 0, support), {ways, shots, filters}), 1);
    const Var gap = unsqueeze(rows(z, support, support + query), 1) - unsqueeze(prototypes, 0);
    const Var loss = softmax_cross_entropy(-sum(square(gap), 2), targets);
    return {loss.item(), grad(loss, p)};
  };
  return w;
}

// ---- W5: a chain of small ops

Workload chain(bool vector, DType dtype) {
  constexpr int rounds = 250;
  const Shape shape = vector ? Shape{4} : Shape{4, 4};
  const Tensor x0 = filled(70, shape, 1, 0, dtype), a = filled(71, shape, 0.1f, 0, dtype);
  const Tensor m = filled(72, shape, 0.1f, 1, dtype);
  Tensor weight = filled(73, {4, 4}, 0.3f, 0, DType::f32);
  for (std::size_t i = 0; i < 4; ++i) weight.mutable_values<float>()[5 * i] += 1;
  weight = weight.to(dtype);

  Workload w;
  w.ops = 4 * rounds;
  w.step = [=](Tape& tape) -> Outcome {
    const Var start = tape.variable(x0), by = tape.variable(a), times = tape.variable(m);
    const Var turn = tape.variable(weight);
    Var x = start;
    for (int i = 0; i < rounds; ++i) {
      x = tanh(x);
      x = x + by;
      x = x * times;
      x = matmul(turn, x);
    }
    const Var loss = sum(x);
    return {loss.item(), grad(loss, {start, by, times, turn})};
  };
  return w;
}

// ---- W6: a plain LSTM

Workload plain_lstm(DType dtype) {
  constexpr std::int64_t steps = 100, batch = 64, in = 128, hidden = 256;
  const Tensor x = filled(80, {steps, batch, in}, 1, 0, dtype);
  const Tensor r = filled(81, {steps, batch, hidden}, 1, 0, dtype);
  const Tensor w_ih = filled(82, {4 * hidden, in}, 0.1f, 0, dtype);
  const Tensor w_hh = filled(83, {4 * hidden, hidden}, 0.1f, 0, dtype);
  const Tensor b = filled(84, {4 * hidden}, 0.1f, 0, dtype);
  const Tensor zero = Tensor::zeros({batch, hidden}, dtype);

  Workload w;
  w.flop = 2.0 * steps * batch * 4 * hidden * (2 * (in + hidden)) +
           2.0 * (steps - 1) * batch * 4 * hidden * hidden;
  w.step = [=](Tape& tape) -> Outcome {
    const Var wi = tape.variable(w_ih), wh = tape.variable(w_hh), bias = tape.variable(b);
    const Var nothing = tape.constant(zero);
    const LstmOutput out = lstm(tape.constant(x), {nothing, nothing}, wi, wh, bias);
    const Var loss = sum(out.outputs * r);
    return {loss.item(), grad(loss, {wi, wh, bias})};
  };
  return w;
}

}  // namespace

std::vector<std::string> workload_names() {
  return {"W1", "W2", "W3", "W4a5", "W4a20", "W4b", "W4c1", "W4c5", "W5v", "W5m", "W6"};
}

namespace {

std::string unknown(const std::string& name) {
  std::string known;
  for (const std::string& n : workload_names()) known += (known.empty() ? "" : ", ") + n;
  return "--workload " + name + ": not one of " + known;
}

}  // namespace

void require_workload(const std::string& name) {
  const std::vector<std::string> names = workload_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) throw DataError(unknown(name));
}

Workload make_workload(const std::string& name, DType dtype) {
  if (name == "W1") return mlp_window(false, dtype);
  if (name == "W2") return quadratics_window(dtype);
  if (name == "W3") return mlp_window(true, dtype);
  if (name == "W4a5") return prototypical(5, 1, dtype);
  if (name == "W4a20") return prototypical(20, 5, dtype);
  if (name == "W4b") return maml(5, false, dtype);
  if (name == "W4c1") return maml(1, true, dtype);
  if (name == "W4c5") return maml(5, true, dtype);
  if (name == "W5v") return chain(true, dtype);
  if (name == "W5m") return chain(false, dtype);
  if (name == "W6") return plain_lstm(dtype);
  throw DataError(unknown(name));
}

}  // namespace bench
