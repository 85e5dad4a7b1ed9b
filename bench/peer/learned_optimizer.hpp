// learned_optimizer.hpp: W1 to W3 with libtorch: the plain unroll, recorded whole.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

#include "filled.hpp"

namespace peer {

// Two layers of 20, 5,141 parameters.
struct LstmOptimizer {
  static constexpr std::int64_t hidden = 20;
  static constexpr double p = 10;
  Tensors parameters;
  Tensor no_bias, h1, c1, h2, c2;

  explicit LstmOptimizer(torch::ScalarType type)
      : parameters{leaf(1, {4 * hidden, 2}, 0.2f, 0, type),
                   leaf(2, {4 * hidden, hidden}, 0.2f, 0, type),
                   leaf(3, {4 * hidden}, 0.1f, 0, type),
                   leaf(4, {4 * hidden, hidden}, 0.2f, 0, type),
                   leaf(5, {4 * hidden, hidden}, 0.2f, 0, type),
                   leaf(6, {4 * hidden}, 0.1f, 0, type),
                   leaf(7, {1, hidden}, 0.2f, 0, type),
                   leaf(8, {1}, 0.01f, 0, type)},
        no_bias(torch::zeros({4 * hidden}, type)) {}

  void reset(std::int64_t coordinates) {
    h1 = c1 = h2 = c2 = torch::zeros({coordinates, hidden}, no_bias.scalar_type());
  }
  Tensor update(const Tensor& g) {
    const Tensors& w = parameters;
    const Tensor size = g.abs().clamp_min(std::exp(-p)).log() / p;
    const Tensor x = torch::stack({size, (g * std::exp(p)).clamp(-1.0, 1.0)}, 1);
    std::tie(h1, c1) = torch::lstm_cell(x, {h1, c1}, w[0], w[1], w[2], no_bias);
    std::tie(h2, c2) = torch::lstm_cell(h1, {h2, c2}, w[3], w[4], w[5], no_bias);
    return 0.1 * torch::linear(h2, w[6], w[7]).squeeze(1);
  }
};

// theta is flat; `loss` sees it cut in parts.
struct Window {
  std::shared_ptr<LstmOptimizer> optimizer;
  Tensor start;
  std::vector<std::int64_t> sizes;
  std::function<Tensor(const Tensors&, int)> loss;
  bool exact = false;

  Outcome operator()() const {
    constexpr int steps = 20;
    optimizer->reset(start.numel());
    Tensor theta = start, total;
    for (int t = 0; t <= steps; ++t) {
      const Tensor here = t == 0 ? theta.detach().requires_grad_(true) : theta;
      const Tensors parts = here.split_with_sizes(sizes);
      const Tensor f = loss(parts, t);
      if (t > 0) total = total.defined() ? total + f : f;
      if (t == steps) break;
      Tensor g =
          torch::cat(torch::autograd::grad({f}, parts, {}, /*retain_graph=*/t > 0, exact && t > 0));
      theta = theta + optimizer->update(exact ? g : g.detach());
    }
    return {total.detach(), torch::autograd::grad({total}, optimizer->parameters)};
  }
};

inline Workload mlp_window(bool exact, torch::ScalarType type) {
  constexpr std::int64_t in = 784, hidden = 20, classes = 10, batch = 128;
  Tensors x, y;
  for (std::uint32_t t = 0; t <= 20; ++t) {
    x.push_back(filled(100 + t, {batch, in}, 0.5f, 0.5f, type));
    y.push_back(torch::empty({batch}, torch::kInt64));
    for (std::uint32_t n = 0; n < batch; ++n)
      y.back().data_ptr<std::int64_t>()[n] = bench::mixed(150 + t, n) % classes;
  }
  Window w{std::make_shared<LstmOptimizer>(type),
           filled(10, {in * hidden + hidden + hidden * classes + classes}, 0.1f, 0, type),
           {in * hidden, hidden, hidden * classes, classes},
           [x, y](const Tensors& p, int t) {
             const auto i = static_cast<std::size_t>(t);
             const Tensor h = torch::sigmoid(torch::addmm(p[1], x[i], p[0].view({in, hidden})));
             const Tensor logits = torch::addmm(p[3], h, p[2].view({hidden, classes}));
             return torch::nll_loss(torch::log_softmax(logits, 1), y[i]);
           },
           exact};
  return {.flop = exact ? 10.007e9 : 9.578e9, .step = w};
}

inline Workload quadratics_window(torch::ScalarType type) {
  constexpr std::int64_t functions = 128, dim = 10;
  const Tensor weight = filled(20, {functions, dim, dim}, 0.5f, 0, type);
  const Tensor target = filled(21, {functions, dim, 1}, 1, 0, type);
  Window w{std::make_shared<LstmOptimizer>(type),
           filled(22, {functions * dim}, 1, 0, type),
           {functions * dim},
           [weight, target](const Tensors& p, int) {
             const Tensor r = torch::bmm(weight, p[0].view({functions, dim, 1})) - target;
             return (r * r).sum() / static_cast<double>(functions);
           }};
  return {.flop = 0.7578e9, .step = w};
}

}  // namespace peer
