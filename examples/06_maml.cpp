// 06_maml: learn an initialisation from which one gradient step fits any of a family of tasks.
// A task is the line y = a x with a drawn around 3; the model is y = w x; adaptation is one step on
// three points of the task. Exact MAML differentiates through that step (Finn et al. 2017). From
// the learned start the step lands near every task; the best start is the centre of the family.
#include <cstdio>
#include <metatape/autodiff.hpp>

using namespace metatape;

int main() {
  const Tensor x({3, 1}, {-1.0f, 0.5f, 1.0f});
  Params start({{"weight", Tensor({1, 1}, {0.0f})}});
  Tape tape;
  const auto loss = [&](const Bound& p, const Tensor& y) {
    return mean(square(linear(tape.constant(x), p["weight"]) - y));
  };
  for (int step = 0; step < 300; ++step) {
    const Tape::Scope scope(tape);
    const Bound p = bind(tape, start);
    Var meta_loss;
    for (int task = 0; task < 4; ++task) {
      Random random(Key{7}.split("task", static_cast<std::uint64_t>(4 * step + task)));
      const auto slope = static_cast<float>(random.uniform(2.0, 4.0));
      const Tensor y({3, 1}, {-slope, 0.5f * slope, slope});
      const Bound adapted = p - 0.3 * recorded_grad(loss(p, y), p);
      const Var after = loss(adapted, y);
      meta_loss = task == 0 ? after : meta_loss + after;
    }
    start.add_scaled(-0.05, grad(meta_loss / 4.0, p));
  }
  std::printf("learned start %.1f, the family's centre 3.0\n", start["weight"].item());
}
// prints: learned start 3.0, the family's centre 3.0
