// learned_optimizer.cpp: W1 to W3, a window of the LSTM optimizer, in the words of a user of the
// library.
#include <algorithm>
#include <memory>
#include <optional>

#include <metatape/metalearn.hpp>

#include "filled.hpp"
#include "inputs.hpp"
#include "workloads.hpp"

namespace bench {

using namespace metatape;

namespace {

// Its weights as README.md has them: one bias, no offset on the forget gate.
struct LearnedOptimizer {
  metalearn::AnyOptimizer optimizer;
  Params phi;
};

LearnedOptimizer lstm(const Window& w, DType dtype) {
  const metalearn::LstmOptimizer o{
      .layers = static_cast<int>(w.layers), .hidden = static_cast<int>(w.hidden), .forget_bias = 0};
  const Params shapes = o.phi(dtype);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const ParamEntry& e : shapes.entries()) {
    const auto stream = static_cast<std::uint32_t>(tensors.size()) + 1;
    const bool of_output = e.name == "output.bias", bias = e.name.starts_with("bias");
    const float scale = of_output ? 0.01f : bias ? 0.1f : 0.2f;
    tensors.emplace_back(e.name, filled(stream, e.shape, scale, 0, dtype));
  }
  return {o, Params(tensors)};
}

Step window_of(tasks::OptimizeeInstance instance, const Window& w, DType dtype) {
  // Made by the first step, which is not timed.
  const auto scratch = std::make_shared<std::optional<metalearn::UnrollScratch>>();
  return [=, instance = std::move(instance), learned = lstm(w, dtype)](Tape& tape) -> Outcome {
    if (!*scratch) scratch->emplace(tape.threads());
    const metalearn::RunState start =
        metalearn::start_of(instance, learned.optimizer, learned.phi, Key{});
    const metalearn::Unrolled run = metalearn::unroll(
        instance, learned.optimizer, learned.phi, start, Key{},
        {.steps = w.steps, .order = w.exact ? metalearn::Order::exact : metalearn::Order::first},
        **scratch);
    if (run.diverged)
      throw NumericError("the window diverged at step " + std::to_string(*run.diverged));
    return {run.loss, {run.gradient.flat()}};
  };
}

}  // namespace

// ---- W1, W3: the MLP

Step mlp_window(const Window& window, const Mlp& mlp, DType dtype) {
  // A window that is longer than README.md's begins its minibatches anew.
  constexpr std::int64_t minibatches = 21;
  const auto [in, hidden, classes, batch] = mlp;
  const std::vector<std::pair<std::string, Shape>> layout{
      {"w1", {in, hidden}}, {"b1", {hidden}}, {"w2", {hidden, classes}}, {"b2", {classes}}};
  const auto shapes = std::make_shared<const Layout>(layout);
  tasks::OptimizeeInstance f;
  f.initial = Params(shapes, filled(10, {shapes->size()}, 0.1f, 0, dtype));
  std::vector<Tensor> images;
  std::vector<Indices> labels;
  for (std::uint32_t t = 0; t < std::min(minibatches, window.steps + 1); ++t) {
    images.push_back(filled(100 + t, {batch, in}, 0.5f, 0.5f, dtype));
    std::vector<std::int32_t> of_batch;
    for (std::uint32_t n = 0; n < static_cast<std::uint32_t>(mlp.batch); ++n)
      of_batch.push_back(static_cast<std::int32_t>(mixed(150 + t, n) % mlp.classes));
    labels.emplace_back(std::move(of_batch));
  }
  // Which minibatch a step has is told by its key.
  std::vector<Key> keys;
  for (std::int64_t t = 0; t <= window.steps; ++t)
    keys.push_back(Key{}.split("step", static_cast<std::uint64_t>(t)));
  f.loss = [=](const Bound& p, Key key) {
    const auto step = static_cast<std::size_t>(std::ranges::find(keys, key) - keys.begin());
    const std::size_t t = step % images.size();
    const Var x = p["w1"].tape().constant(images[t]);
    const Var h = sigmoid(matmul(x, p["w1"]) + p["b1"]);
    return softmax_cross_entropy(matmul(h, p["w2"]) + p["b2"], labels[t]);
  };
  return window_of(std::move(f), window, dtype);
}

// ---- W2: quadratics

Step quadratics_window(const Window& window, const Quadratics& q, DType dtype) {
  const std::int64_t functions = q.functions, dim = q.dim;
  const Tensor weight = filled(20, {functions, dim, dim}, 0.5f, 0, dtype);
  const Tensor target = filled(21, {functions, dim}, 1, 0, dtype);
  tasks::OptimizeeInstance f;
  f.initial = Params({{"theta", filled(22, {functions, dim}, 1, 0, dtype)}});
  f.loss = [=](const Bound& p, Key) {
    const Var moved = squeeze(matmul(weight, unsqueeze(p["theta"], 2)), 2);
    return sum(square(moved - target)) * (1.0 / static_cast<double>(functions));
  };
  return window_of(std::move(f), window, dtype);
}

}  // namespace bench
