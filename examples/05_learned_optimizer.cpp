// 05_learned_optimizer: an optimizer that was learned, saved, loaded, and put to a problem of one's
// own. A small LSTM is meta-trained on random quadratics; then it fits a line to data it knows
// nothing of, beside gradient descent at a good rate. Andrychowicz et al. (2016).
#include <cstdio>
#include <filesystem>
#include <metatape/metatape.hpp>

using namespace metatape;
using namespace metatape::metalearn;

int main() {
  // meta-training: windows of 20 steps of runs of 40, 32 quadratics side by side
  const AnyOptimizer untrained =
      LstmOptimizer{.layers = 1, .hidden = 8, .input = GradientInput::raw, .key = Key{1}};
  Trainer trainer(
      unroll_objective(tasks::Quadratics{.dim = 4, .functions = 32}, untrained, {.steps = 40}),
      untrained.phi(),
      {.optimizer = Adam{.learning_rate = 1e-2}, .schedule = cosine(400), .clip = 1}, Key{1});
  run(trainer, {.steps = 400});
  const auto file = std::filesystem::temp_directory_path() / "learned_optimizer.safetensors";
  save_optimizer(file, untrained, trainer.phi());

  // a problem of one's own: y = 2 x_0 - x_1 + 0.5, from 64 points
  const Tensor x = normal({64, 2}, Key{2});
  Tensor y({64, 1}, std::vector<double>(64));
  for (std::int64_t i = 0; i < 64; ++i)
    y.mutable_values<double>()[static_cast<std::size_t>(i)] =
        2 * x.at(2 * i) - x.at(2 * i + 1) + 0.5;
  const Params start({{"weight", Tensor::zeros({2, 1})}, {"bias", Tensor::zeros({1})}});
  const auto line = tasks::optimizee(start, [&](const Bound& p, Key) {
    return mean(square(matmul(x, p["weight"]) + p["bias"] - y.to(DType::f32)));
  });

  const Minimised learned = minimise(line, load_optimizer(file), {.steps = 40});
  const Minimised descent = minimise(line, Sgd{.learning_rate = 0.1}, {.steps = 40});
  std::printf("loss %.2f, after 40 steps: learned %.4f, gradient descent %.4f\n",
              learned.losses.front(), learned.losses.back(), descent.losses.back());
  std::filesystem::remove(file);
}
// prints, within 0.5: loss 5.0, after 40 steps: learned 0.0, gradient descent 0.0
