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

Step prototypical(const Conv4& net, const Episode& e, DType dtype) {
  const std::int64_t filters = net.filters, support = e.support(), query = e.query();
  const auto blocks = static_cast<std::uint32_t>(net.blocks);
  std::vector<Tensor> parameters;
  for (std::uint32_t b = 0; b < blocks; ++b) {
    const std::int64_t in = b == 0 ? 1 : filters;
    const float scale = b == 0 ? 0.8f : 0.1f;
    parameters.push_back(filled(30 + b, {filters, in, 3, 3}, scale, 0, dtype));
    parameters.push_back(filled(40 + b, {filters}, 0.1f, 1, dtype));
    parameters.push_back(filled(50 + b, {filters}, 0.1f, 0, dtype));
  }
  const Tensor images = filled(200, {support + query, net.side, net.side, 1}, 0.5f, 0.5f, dtype);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < query; ++i)
    labels.push_back(static_cast<std::int32_t>(i / e.queries));
  const Indices targets(std::move(labels));

  return [=](Tape& tape) -> Outcome {
    std::vector<Var> p;
    for (const Tensor& t : parameters) p.push_back(tape.variable(t));
    Var x = tape.constant(images);
    for (std::size_t b = 0; b < blocks; ++b) {
      x = conv2d(x, p[3 * b], {.padding = {1, 1}});
      x = batch_norm_relu_pool(x, p[3 * b + 1], p[3 * b + 2]);
    }
    const Var z = flatten(x, 1);
    const Var prototypes = mean(reshape(rows(z, 0, support), {e.way, e.shot, filters}), 1);
    const Var gap = unsqueeze(rows(z, support, support + query), 1) - unsqueeze(prototypes, 0);
    const Var loss = softmax_cross_entropy(-sum(square(gap), 2), targets);
    return {loss.item(), grad(loss, p)};
  };
}

// ---- W5: a chain of small ops

Step chain(const Chain& c, DType dtype) {
  const Shape shape = c.vector ? Shape{4} : Shape{4, 4};
  const Tensor x0 = filled(70, shape, 1, 0, dtype), a = filled(71, shape, 0.1f, 0, dtype);
  const Tensor m = filled(72, shape, 0.1f, 1, dtype);
  Tensor weight = filled(73, {4, 4}, 0.3f, 0, DType::f32);
  for (std::size_t i = 0; i < 4; ++i) weight.mutable_values<float>()[5 * i] += 1;
  weight = weight.to(dtype);

  return [=](Tape& tape) -> Outcome {
    const Var start = tape.variable(x0), by = tape.variable(a), times = tape.variable(m);
    const Var turn = tape.variable(weight);
    Var x = start;
    for (std::int64_t i = 0; i < c.rounds; ++i) {
      x = tanh(x);
      x = x + by;
      x = x * times;
      x = matmul(turn, x);
    }
    const Var loss = sum(x);
    return {loss.item(), grad(loss, {start, by, times, turn})};
  };
}

// ---- W6: a plain LSTM

Step plain_lstm(const PlainLstm& s, DType dtype) {
  const auto [steps, batch, in, hidden] = s;
  const Tensor x = filled(80, {steps, batch, in}, 1, 0, dtype);
  const Tensor r = filled(81, {steps, batch, hidden}, 1, 0, dtype);
  const Tensor w_ih = filled(82, {4 * hidden, in}, 0.1f, 0, dtype);
  const Tensor w_hh = filled(83, {4 * hidden, hidden}, 0.1f, 0, dtype);
  const Tensor b = filled(84, {4 * hidden}, 0.1f, 0, dtype);
  const Tensor zero = Tensor::zeros({batch, hidden}, dtype);

  return [=](Tape& tape) -> Outcome {
    const Var wi = tape.variable(w_ih), wh = tape.variable(w_hh), bias = tape.variable(b);
    const Var nothing = tape.constant(zero);
    const LstmOutput out = lstm(tape.constant(x), {nothing, nothing}, wi, wh, bias);
    const Var loss = sum(out.outputs * r);
    return {loss.item(), grad(loss, {wi, wh, bias})};
  };
}

}  // namespace

std::vector<std::string> workload_names() {
  return {"W1", "W2", "W3", "W4a5", "W4a20", "W4b", "W4c1", "W4c5", "W5v", "W5m", "W6"};
}

Workload find_workload(const std::string& text, DType dtype) {
  Spec spec(text);
  const std::string& name = spec.name();
  const Machine machine = this_machine(dtype);
  const auto found = [&](double ops, const auto& prepare, const auto&... shapes) {
    spec.finish();
    return Workload{counts_of(shapes..., machine), ops, [=] { return prepare(shapes..., dtype); }};
  };
  const auto window = [&](Window s) {
    spec.take("layers", s.layers);
    spec.take("hidden", s.hidden);
    spec.take("steps", s.steps);
    return s;
  };
  const auto episode = [&](Episode e) {
    spec.take("way", e.way);
    spec.take("shot", e.shot);
    spec.take("queries", e.queries);
    return e;
  };
  const auto adaptation = [&](bool exact, std::int64_t steps) {
    return found(0, maml, Conv4{}, Adaptation{.exact = exact, .steps = steps});
  };
  if (name == "W1" || name == "W3") {
    const Window s = window({.exact = name == "W3"});
    Mlp mlp;
    spec.take("width", mlp.width);
    return found(0, mlp_window, s, mlp);
  }
  if (name == "W2") return found(0, quadratics_window, window({}), Quadratics{});
  if (name == "W4a") return found(0, prototypical, Conv4{}, episode({}));
  if (name == "W4a5") return found(0, prototypical, Conv4{}, Episode{});
  if (name == "W4a20") return found(0, prototypical, Conv4{}, Episode{.way = 20, .shot = 5});
  if (name == "W4b") return adaptation(false, 5);
  if (name == "W4c1") return adaptation(true, 1);
  if (name == "W4c5") return adaptation(true, 5);
  if (name == "W5v" || name == "W5m") {
    const Chain c{.vector = name == "W5v"};
    return found(static_cast<double>(4 * c.rounds), chain, c);
  }
  if (name == "W6") return found(0, plain_lstm, PlainLstm{});
  std::string known;
  for (const std::string& n : workload_names()) known += (known.empty() ? "" : ", ") + n;
  throw DataError("--workload " + text + ": not one of " + known);
}

}  // namespace bench
