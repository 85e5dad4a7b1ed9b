// 05_learned_optimizer: an optimizer that was learned, saved, loaded, and put to a problem of one's
// own. A small LSTM is meta-trained on random quadratics; then it fits a curve that it knows
// nothing of, beside gradient descent at a good rate. Andrychowicz et al. (2016).
#include <cmath>
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

  // a problem of one's own: a cubic through 32 points of sin(3 x), which descent crawls along
  std::vector<double> powers, values;
  for (int i = 0; i < 32; ++i) {
    const double x = i / 31.0;
    powers.insert(powers.end(), {1, x, x * x, x * x * x});
    values.push_back(std::sin(3 * x));
  }
  const Tensor features = Tensor({32, 4}, powers).to(DType::f32);
  const Tensor targets = Tensor({32}, values).to(DType::f32);
  const auto cubic =
      tasks::optimizee(Params({{"coefficients", Tensor::zeros({4})}}), [&](const Bound& p, Key) {
        return 4 * mean(square(matmul(features, p["coefficients"]) - targets));
      });

  const Minimised learned = minimise(cubic, load_optimizer(file), {.steps = 40});
  const Minimised descent = minimise(cubic, Sgd{.learning_rate = 0.1}, {.steps = 40});
  std::printf("loss %.2f, after 40 steps: learned %.3f, gradient descent %.3f\n",
              learned.losses.front(), learned.losses.back(), descent.losses.back());
  std::filesystem::remove(file);
}
// prints, within 0.4: loss 2.03, after 40 steps: learned 0.021, gradient descent 0.214
