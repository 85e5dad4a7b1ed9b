// 04_unroll_sgd: the gradient of a training run with respect to its learning rate.
// Ten steps of gradient descent on f(x) = x² are recorded, gradients included; the whole run is
// then differentiated. With u = 1 - 2 rate, x_10 = u^10 and df/drate = -40 u^19.
#include <cmath>
#include <cstdio>
#include <metatape/autodiff.hpp>

using namespace metatape;

int main() {
  Tape tape;
  const Var rate = tape.variable(Tensor({}, {0.05}));
  Var x = tape.variable(Tensor({}, {1.0}));
  for (int step = 0; step < 10; ++step) x = x - rate * recorded_grad(square(x), x);
  const Tensor exact = grad(square(x), rate);

  // Without second order the gradients count as constants: another, biased answer.
  Var y = tape.variable(Tensor({}, {1.0}));
  for (int step = 0; step < 10; ++step) y = y - rate * stop_gradient(recorded_grad(square(y), y));
  const Tensor first_order = grad(square(y), rate);

  std::printf("exact %.6f (formula %.6f), without second order %.6f\n", exact.item(),
              -40 * std::pow(0.9, 19), first_order.item());
}
// prints: exact -5.403407 (formula -5.403407), without second order -9.084071
