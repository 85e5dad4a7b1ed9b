// 01_gradient: a tape, a variable, a loss, its gradient.
#include <cstdio>
#include <metatape/autodiff.hpp>

using namespace metatape;

int main() {
  Tape tape;
  const Var w = tape.variable(Tensor({2}, {3.0f, 4.0f}));
  const Var loss = sum(square(w)) / 2.0;  // |w|² / 2, whose gradient is w
  const Tensor g = grad(loss, w);
  std::printf("loss %.1f, gradient (%.1f, %.1f)\n", loss.item(), g.at(0), g.at(1));
}
// prints: loss 12.5, gradient (3.0, 4.0)
