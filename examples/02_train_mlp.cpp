// 02_train_mlp: a small network learns the exclusive or by plain gradient descent.
// Each step is recorded inside a Scope, so the tape's memory is used again and never grows.
#include <cstdio>
#include <metatape/autodiff.hpp>

using namespace metatape;

int main() {
  const Tensor points({4, 2}, {0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 1.0f, 1.0f});
  const Indices labels({4}, {0, 1, 1, 0});
  Params params({{"hidden.weight", normal({8, 2}, Key{1}.split("hidden"))},
                 {"hidden.bias", Tensor::zeros({8})},
                 {"out.weight", normal({2, 8}, Key{1}.split("out"))},
                 {"out.bias", Tensor::zeros({2})}});
  Tape tape;
  const auto logits = [&](const Bound& p) {
    const Var x = tape.constant(points);
    const Var h = linear(x, p["hidden.weight"], p["hidden.bias"], Activation::tanh);
    return linear(h, p["out.weight"], p["out.bias"]);
  };
  double loss = 0;
  for (int step = 0; step < 500; ++step) {
    const Tape::Scope scope(tape);
    const Bound p = bind(tape, params);
    const Var l = softmax_cross_entropy(logits(p), labels);
    loss = l.item();
    params.add_scaled(-0.5, grad(l, p));
  }
  const Indices said = argmax(logits(bind_constant(tape, params)));
  std::printf("loss below 0.05: %s; 0^0 = %d, 0^1 = %d, 1^0 = %d, 1^1 = %d\n",
              loss < 0.05 ? "yes" : "no", said[0], said[1], said[2], said[3]);
}
// prints: loss below 0.05: yes; 0^0 = 0, 0^1 = 1, 1^0 = 1, 1^1 = 0
