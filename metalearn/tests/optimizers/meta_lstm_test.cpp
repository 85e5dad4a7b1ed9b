// The gate equations by hand; forced gates; what the gates are read from; refusals.
#include "metatape/metalearn/optimizers/meta_lstm.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "metatape/metalearn.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// [rows, columns] of scale · (((columns · i + j) mod period) - period / 2)
Tensor pattern(std::int64_t rows, std::int64_t columns, int period, double scale) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < rows * columns; ++i)
    values.push_back(scale * static_cast<double>(i % period - period / 2));
  return Tensor({rows, columns}, std::span<const double>(values));
}

struct Forced {
  Params phi;
  double rate;
};
// σ(f) is 1 and σ(i) this rate, whatever is read.
Forced forced(DType dtype) {
  const double far = 1000, input = -2.5;
  Params phi = MetaLstm{}.phi(dtype).zeros_like();
  phi.set("gates.bias", Tensor({2}, {far, input}).to(dtype));
  Tape tape;
  return {phi, sigmoid(tape.constant(input, dtype)).item()};
}

}  // namespace

// The numbers are those of a plain program apart, one coordinate at a time.
TEST_CASE("the gates' equations give the numbers worked out by hand", "[optimizers]") {
  const MetaLstm o{.hidden = 2};
  Params phi = o.phi(DType::f64);
  phi.set("weight_ih_l0", pattern(8, 4, 7, .1));
  phi.set("weight_hh_l0", pattern(8, 2, 5, .2));
  phi.set("bias_l0", Tensor({8}, {-.15, -.1, -.05, .0, .05, .1, .15, .2}));
  phi.set("gates.weight", Tensor({2, 4}, {.3, -.4, .5, .2, -.2, .6, -.7, .1}));
  phi.set("gates.bias", Tensor({2}, {1.5, -1.0}));
  const std::vector<std::vector<double>> gradients{
      {.3, -2., 1e-6}, {-.01, .7, 0.}, {4., 1e-4, -3e-5}};
  const std::vector<double> losses{1.7, .4, 2e-5};
  const std::vector<std::vector<double>> expected{
      {0.368903643909, 0.0605720949189, 1.84762481537},
      {0.329060059882, -0.12093071479, 1.75306005843},
      {-0.455372985142, -0.104655921441, 1.66668131899}};

  Tape tape;
  const Bound p = bind_constant(tape, phi);
  Params start({{"a", Tensor({2}, {.5, -1.2})}, {"b", Tensor({1, 1}, {2.0})}});
  Bound theta = bind_constant(tape, start);
  Bound state = bind_constant(tape, o.init(phi, start, Key{}));
  for (std::size_t t = 0; t < 3; ++t) {
    const Bound gradient(theta.layout(),
                         tape.constant(Tensor({3}, std::span<const double>(gradients[t]))));
    const OptimizerOutput out = o.step(
        p, {.theta = theta, .gradient = gradient, .loss = tape.constant(losses[t], DType::f64)},
        state);
    theta = theta + out.updates;
    state = out.state;
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(theta.flat().values<double>()[i] == Approx(expected[t][i]).epsilon(1e-11));
  }
  const std::vector<double> gates = state["gates"].value().to_vector(),
                            last{2.15329245715,  1.85929727437,  2.95982005387,
                                 -1.46600411336, -1.10658596128, -2.48622541997};
  for (std::size_t i = 0; i < 6; ++i) CHECK(gates[i] == Approx(last[i]).epsilon(1e-11));

  const std::vector<TensorGates> means = gates_of(*start.layout(), state.value());
  REQUIRE(means.size() == 2);
  CHECK(means[0].tensor == "a");
  CHECK(means[0].forget == Approx(0.8805955313096975).epsilon(1e-11));
  CHECK(means[0].input == Approx(0.21802932379532286).epsilon(1e-11));
  CHECK(means[1].forget == Approx(0.9507255647596685).epsilon(1e-11));
  CHECK(means[1].input == Approx(0.07682948866684791).epsilon(1e-11));
}

TEST_CASE("with the gates forced to 1 and a rate it is SGD to the last bit", "[optimizers]") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto f = problems::net(Key{5}, dtype);
    const auto [phi, rate] = forced(dtype);
    const AnyOptimizer meta = MetaLstm{}, sgd = Sgd{.learning_rate = rate};
    const Params rates = sgd.phi(dtype);
    RunState a = start_of(f, meta, phi, Key{}), b = start_of(f, sgd, rates, Key{});
    for (int step = 0; step < 8; ++step) {
      a = unroll(f, meta, phi, a, Key{3}, {.steps = 1, .gradient = false}).end;
      b = unroll(f, sgd, rates, b, Key{3}, {.steps = 1, .gradient = false}).end;
      CHECK(identical(a.theta, b.theta));
      CHECK_FALSE(identical(a.theta, f.initial));
    }
    // So is what the start is to the end of the run: the identity.
    const UnrollOptions end{.steps = 8, .judge_end = true};
    const Params
        of_meta = unroll(f, meta, phi, start_of(f, meta, phi, Key{}), Key{3}, end).theta_gradient,
        of_sgd = unroll(f, sgd, rates, start_of(f, sgd, rates, Key{}), Key{3}, end).theta_gradient;
    CHECK(identical(of_meta, of_sgd));
  }
}

TEST_CASE("first weights are small, biases in their ranges, 2,046 numbers", "[optimizers]") {
  const MetaLstm o{.forget_low = 6, .forget_high = 6.5, .key = Key{4}};
  const Params phi = o.phi(DType::f32);
  CHECK(phi.size() == 2046);
  for (const ParamEntry& e : phi.entries())
    if (e.name != "gates.bias")
      for (const double w : phi[e.name].to_vector()) CHECK(std::abs(w) <= 0.01);
  const std::vector<double> bias = phi["gates.bias"].to_vector();
  CHECK(bias[0] >= 6);
  CHECK(bias[0] <= 6.5);
  CHECK(bias[1] >= -5);
  CHECK(bias[1] <= -4);
  CHECK(identical(phi, o.phi(DType::f32)));
  CHECK_FALSE(identical(phi, MetaLstm{.key = Key{5}}.phi(DType::f32)));
}

TEST_CASE("a scaled gradient is another gradient", "[optimizers]") {
  const auto f = problems::net(Key{5}, DType::f64);
  auto half = f;
  half.loss = [f](const Bound& p, Key key) { return 0.5 * f.loss(p, key); };
  // The loss is read too; without its weights it does not matter which.
  Params phi = MetaLstm{}.phi(DType::f64);
  Tensor w = phi["weight_ih_l0"];
  for (std::size_t i = 0; i < 80; ++i)
    for (std::size_t j = 0; j < 2; ++j) w.mutable_values<double>()[i * 4 + j] = 0;
  phi.set("weight_ih_l0", w);
  const AnyOptimizer plain = MetaLstm{}, scaled = MetaLstm{.grad_scale = 0.5};
  const UnrollOptions run{.steps = 4, .gradient = false};
  const Unrolled a = unroll(half, plain, phi, start_of(half, plain, phi, Key{}), Key{3}, run),
                 b = unroll(f, scaled, phi, start_of(f, scaled, phi, Key{}), Key{3}, run);
  CHECK(problems::distance(a.end.theta, b.end.theta) < 1e-14);
}

TEST_CASE("settings of the LSTM meta-learner that cannot be are refused", "[optimizers]") {
  const auto phi = [](const MetaLstm& o) { return o.phi(DType::f32); };
  REQUIRE_THROWS_WITH(phi({.layers = 0}), "meta_lstm: layers = 0: 1 or more is expected");
  REQUIRE_THROWS_WITH(phi({.hidden = 0}), "meta_lstm: hidden = 0: 1 or more is expected");
  REQUIRE_THROWS_WITH(phi({.p = 0}), "meta_lstm: p = 0: 0 to 80 is expected");
  REQUIRE_THROWS_WITH(phi({.grad_scale = 0}), "meta_lstm: grad_scale = 0: above 0 is expected");
  REQUIRE_THROWS_WITH(phi({.forget_low = 6}),
                      "meta_lstm: a forget bias from 6 to 5: the first is to be no larger than the "
                      "second");
  const AnyOptimizer o = MetaLstm{};
  Params theta({{"x", Tensor({2}, {1.0f, 2.0f})}}), state = o.init_state(theta);
  REQUIRE_THROWS_WITH(o.update(theta, theta, state, 0),
                      "meta_lstm: it reads the loss, and none was given");
  REQUIRE_THROWS_WITH(gates_of(*theta.layout(), theta),
                      "meta_lstm: a state without 'gates' [2, 2] is not its own");
}
