// torch_peer.cpp: the same workloads with libtorch, for comparison; same inputs, same check values.
#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "../measure.hpp"
#include "filled.hpp"
#include "learned_optimizer.hpp"

extern "C" void openblas_set_num_threads(int);

namespace {

using namespace peer;

constexpr std::int64_t filters = 64, queries = 15;
constexpr double image_flop = 57987072;

Tensors network(torch::ScalarType type) {
  Tensors p;
  for (std::uint32_t b = 0; b < 4; ++b) {
    p.push_back(leaf(30 + b, {filters, b == 0 ? 1 : filters, 3, 3}, b == 0 ? 0.8f : 0.1f, 0, type));
    p.push_back(leaf(40 + b, {filters}, 0.1f, 1, type));
    p.push_back(leaf(50 + b, {filters}, 0.1f, 0, type));
  }
  return p;
}

Tensor embed(Tensor x, const Tensors& p) {
  for (std::size_t b = 0; b < 4; ++b) {
    x = torch::conv2d(x, p[3 * b], {}, 1, 1);
    x = torch::batch_norm(x, p[3 * b + 1], p[3 * b + 2], {}, {}, true, 0.0, 1e-5, false);
    x = torch::max_pool2d(torch::relu(x), 2);
  }
  return x.flatten(1);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target) {
  return torch::nll_loss(torch::log_softmax(logits, 1), target);
}

Tensor class_labels(std::int64_t ways, std::int64_t each) {
  return torch::arange(ways, torch::kInt64).repeat_interleave(each);
}

Workload prototypical(std::int64_t ways, std::int64_t shots, torch::ScalarType type) {
  const std::int64_t support = ways * shots, query = ways * queries;
  const Tensors p = network(type);
  const Tensor images = filled(200, {support + query, 1, 28, 28}, 0.5f, 0.5f, type);
  const Tensor target = class_labels(ways, queries);
  Workload w;
  w.flop = static_cast<double>(support + query) * image_flop;
  w.step = [=]() -> Outcome {
    const Tensor z = embed(images, p);
    const Tensor prototypes = z.narrow(0, 0, support).view({ways, shots, filters}).mean(1);
    const Tensor gap = z.narrow(0, support, query).unsqueeze(1) - prototypes.unsqueeze(0);
    const Tensor loss = cross_entropy(-(gap * gap).sum(2), target);
    return {loss.detach(), torch::autograd::grad({loss}, p)};
  };
  return w;
}

Workload maml(int steps, bool exact, torch::ScalarType type) {
  constexpr std::int64_t ways = 5;
  constexpr std::size_t meta_batch = 4;
  constexpr double rate = 0.1;
  Tensors p = network(type);
  p.push_back(leaf(60, {ways, filters}, 0.2f, 0, type));
  p.push_back(leaf(61, {ways}, 0.1f, 0, type));
  Tensors support, query;
  for (std::uint32_t i = 0; i < meta_batch; ++i) {
    support.push_back(filled(300 + i, {ways, 1, 28, 28}, 0.5f, 0.5f, type));
    query.push_back(filled(400 + i, {ways * queries, 1, 28, 28}, 0.5f, 0.5f, type));
  }
  const Tensor shown = class_labels(ways, 1), asked = class_labels(ways, queries);
  const auto loss_of = [](const Tensor& images, const Tensor& labels, const Tensors& at) {
    return cross_entropy(torch::linear(embed(images, at), at[12], at[13]), labels);
  };
  Workload w;
  const std::int64_t passes = ways * steps * (exact ? 3 : 1) + ways * queries;
  w.flop = static_cast<double>(meta_batch) * static_cast<double>(passes) * image_flop;
  w.step = [=]() -> Outcome {
    Outcome sum{torch::zeros({}, type), {}};
    for (std::size_t i = 0; i < meta_batch; ++i) {
      Tensors fast = p;
      for (int s = 0; s < steps; ++s) {
        const Tensor loss = loss_of(support[i], shown, fast);
        const Tensors g = torch::autograd::grad({loss}, fast, {}, exact, exact);
        for (std::size_t k = 0; k < fast.size(); ++k)
          fast[k] =
              exact ? fast[k] - rate * g[k] : (fast[k].detach() - rate * g[k]).requires_grad_(true);
      }
      const Tensor loss = loss_of(query[i], asked, fast) / static_cast<double>(meta_batch);
      const Tensors g = torch::autograd::grad({loss}, exact ? p : fast);
      sum.loss += loss.detach();
      if (sum.gradients.empty()) {
        sum.gradients = g;
        continue;
      }
      for (std::size_t k = 0; k < g.size(); ++k) sum.gradients[k] = sum.gradients[k] + g[k];
    }
    return sum;
  };
  return w;
}

Workload chain(bool vector, torch::ScalarType type) {
  constexpr int rounds = 250;
  const std::vector<std::int64_t> shape =
      vector ? std::vector<std::int64_t>{4} : std::vector<std::int64_t>{4, 4};
  const Tensor x0 = leaf(70, shape, 1, 0, type), a = leaf(71, shape, 0.1f, 0, type);
  const Tensor m = leaf(72, shape, 0.1f, 1, type);
  const Tensor turn =
      (filled(73, {4, 4}, 0.3f, 0, torch::kFloat32) + torch::eye(4)).to(type).requires_grad_(true);
  Workload w;
  w.ops = 4 * rounds;
  w.step = [=]() -> Outcome {
    Tensor x = x0;
    for (int i = 0; i < rounds; ++i) {
      x = torch::tanh(x);
      x = x + a;
      x = x * m;
      x = vector ? torch::mv(turn, x) : torch::mm(turn, x);
    }
    const Tensor loss = x.sum();
    return {loss.detach(), torch::autograd::grad({loss}, {x0, a, m, turn})};
  };
  return w;
}

Workload plain_lstm(torch::ScalarType type) {
  constexpr std::int64_t steps = 100, batch = 64, in = 128, hidden = 256;
  const Tensor x = filled(80, {steps, batch, in}, 1, 0, type);
  const Tensor r = filled(81, {steps, batch, hidden}, 1, 0, type);
  const Tensor w_ih = leaf(82, {4 * hidden, in}, 0.1f, 0, type);
  const Tensor w_hh = leaf(83, {4 * hidden, hidden}, 0.1f, 0, type);
  const Tensor b = leaf(84, {4 * hidden}, 0.1f, 0, type);
  const Tensor no_bias = torch::zeros({4 * hidden}, type);
  const Tensor zero = torch::zeros({1, batch, hidden}, type);
  Workload w;
  w.flop = 2.0 * steps * batch * 4 * hidden * (2 * (in + hidden)) +
           2.0 * (steps - 1) * batch * 4 * hidden * hidden;
  w.step = [=]() -> Outcome {
    const auto out =
        torch::lstm(x, {zero, zero}, {w_ih, w_hh, b, no_bias}, true, 1, 0.0, true, false, false);
    const Tensor loss = (std::get<0>(out) * r).sum();
    return {loss.detach(), torch::autograd::grad({loss}, {w_ih, w_hh, b})};
  };
  return w;
}

Workload make(const std::string& name, torch::ScalarType type) {
  if (name == "W1") return mlp_window(false, type);
  if (name == "W2") return quadratics_window(type);
  if (name == "W3") return mlp_window(true, type);
  if (name == "W4a5") return prototypical(5, 1, type);
  if (name == "W4a20") return prototypical(20, 5, type);
  if (name == "W4b") return maml(5, false, type);
  if (name == "W4c1") return maml(1, true, type);
  if (name == "W4c5") return maml(5, true, type);
  if (name == "W5v") return chain(true, type);
  if (name == "W5m") return chain(false, type);
  if (name == "W6") return plain_lstm(type);
  throw bench::Usage("--workload " + name +
                     ": not one of W1, W2, W3, W4a5, W4a20, W4b, W4c1, W4c5, W5v, W5m, W6");
}

int run(const bench::Options& o) {
  torch::set_num_threads(o.threads);
  openblas_set_num_threads(o.threads);
  const Workload work = make(o.workload, o.wide ? torch::kFloat64 : torch::kFloat32);
  const bench::Memory before = bench::peak_memory();
  Outcome outcome;
  const bench::Timing t = bench::timed(o, [&] { outcome = work.step(); });
  double square = 0;
  for (const Tensor& g : outcome.gradients)
    square += g.to(torch::kFloat64).square().sum().item<double>();
  bench::report("libtorch " TORCH_VERSION, o, t, outcome.loss.to(torch::kFloat64).item<double>(),
                std::sqrt(square), work.flop, work.ops, before);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(bench::parse(argc, argv));
  } catch (const bench::Usage& error) {
    std::fprintf(stderr, "metatape-peer: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "metatape-peer: %s\n", error.what());
    return 1;
  }
}
