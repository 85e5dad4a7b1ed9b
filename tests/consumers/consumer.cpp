// consumer.cpp: a program of a user's, built against an installed copy: a call of every floor.
#include <cstdio>
#include <metatape/metatape.hpp>

using namespace metatape;

int main() {
  Tape tape;
  const Var w = tape.variable(Tensor({2}, {3.0f, 4.0f}));
  const Tensor g = grad(sum(square(w)) / 2.0, w);

  const nn::Mlp mlp{.sizes = {2, 3, 2}};
  const Var y = mlp(bind_constant(tape, mlp.init(Key{1})), tape.constant(normal({5, 2}, Key{2})));

  // Two classes; each support image is asked for its own.
  const metalearn::Prototypical learner{.network = nn::conv4({.size = 16, .filters = 2}),
                                        .statistics = metalearn::StatisticsFrom::support};
  const Tensor images = normal({2, 16, 16, 1}, Key{3});
  const Tensor p =
      learner.adapt(tape, learner.init(Key{4}), {}, images, Indices({0, 1}), 2)(images);
  const int characters = tasks::GeneratedAlphabet(1, 0).characters();

  std::printf("gradient (%.1f, %.1f); %s; %s; classes %d and %d\n", g.at(0), g.at(1),
              to_string(y.shape()).c_str(), characters >= 14 ? "an alphabet" : "no alphabet",
              p.at(1) > p.at(0), p.at(3) > p.at(2));
}
// prints: gradient (3.0, 4.0); [5, 2]; an alphabet; classes 0 and 1
