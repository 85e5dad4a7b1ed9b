// linear_test.cpp: fully connected layers: values by hand, sizes, derivatives, adapted weights.
#include "metatape/nn/linear.hpp"

#include <cmath>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/nn/layers.hpp"
#include "support/modules.hpp"

using namespace metatape;

static_assert(nn::Module<nn::Linear> && nn::Module<nn::Mlp>);

namespace {

const Params two_by_two({{"weight", Tensor({2, 2}, {1.0, 2.0, 3.0, 4.0})},
                         {"bias", Tensor({2}, {10.0, 20.0})}});

}  // namespace

TEST_CASE("linear: x Wᵀ + b by hand") {
  Tape tape;
  const Bound p = bind(tape, two_by_two);
  const nn::Linear layer{.in = 2, .out = 2};
  const Var x = tape.constant(Tensor({2, 2}, {1.0, -1.0, 0.0, 5.0}));
  check_values(layer(p, x).value(), {9, 19, 20, 40});
  // Over the last axis, whatever stands before it.
  CHECK(layer(p, tape.constant(Tensor::zeros({3, 1, 4, 2}, DType::f64))).shape() ==
        Shape{3, 1, 4, 2});
  check_values(layer(p, tape.constant(Tensor({2}, {1.0, -1.0}))).value(), {9, 19});
  CHECK(layer(p, tape.constant(Tensor::zeros({0, 2}, DType::f64))).shape() == Shape{0, 2});
}

TEST_CASE("linear: without bias, with an activation") {
  Tape tape;
  const Bound p = bind(tape, two_by_two);
  const Var x = tape.constant(Tensor({1, 2}, {1.0, -1.0}));
  const auto run = [&](Activation a) {
    return nn::Linear{.in = 2, .out = 2, .bias = false, .activation = a}(p, x).value();
  };
  check_values(run(Activation::none), {-1, -1});
  check_values(run(Activation::relu), {0, 0});
  check_values(run(Activation::tanh), {-std::tanh(1), -std::tanh(1)});
  check_values(run(Activation::sigmoid), {1 / (1 + std::exp(1)), 1 / (1 + std::exp(1))});
}

TEST_CASE("linear: first weights lie within 1 / sqrt(in), by key alone") {
  const nn::Linear layer{.in = 25, .out = 400};
  const Params p = layer.init(Key{1});
  CHECK(p["weight"].shape() == Shape{400, 25});
  CHECK(p["bias"].shape() == Shape{400});
  CHECK(p.dtype() == DType::f32);
  for (const char* name : {"weight", "bias"}) {
    const std::vector<double> values = p[name].to_vector();
    const auto [low, high] = std::ranges::minmax(values);
    CHECK(low >= -0.2f);
    CHECK(high <= 0.2f);
    CHECK(low < -0.195);
    CHECK(high > 0.195);
  }
  CHECK(identical(p, layer.init(Key{1})));
  CHECK_FALSE(identical(p, layer.init(Key{2})));
  CHECK(identical(p, layer.init(Key{1}, DType::f64).to(DType::f32)));
  const Params bare = nn::Linear{.in = 25, .out = 400, .bias = false}.init(Key{1});
  CHECK(bare.entries().size() == 1);
  CHECK(identical(bare["weight"], p["weight"]));
}

TEST_CASE("linear: sizes and inputs that do not fit") {
  CHECK_THROWS_WITH(nn::Linear({.in = 0, .out = 2}).init(Key{1}),
                    "linear: in 0, out 2: each at least 1");
  CHECK_THROWS_AS(nn::Linear({.in = 2, .out = -1}).init(Key{1}), DataError);
  Tape tape;
  const Bound p = bind(tape, two_by_two);
  const nn::Linear layer{.in = 2, .out = 2};
  CHECK_THROWS_AS(layer(p, tape.constant(Tensor::zeros({4, 3}, DType::f64))), ShapeError);
  CHECK_THROWS_AS(layer(p, tape.constant(Tensor::zeros({4, 2}))), DTypeError);
  const Bound half = bind(tape, Params({{"weight", two_by_two["weight"]}}));
  CHECK_THROWS_WITH(layer(half, tape.constant(Tensor::zeros({4, 2}, DType::f64))),
                    "params: there is no 'bias'; there is weight");
}

TEST_CASE("mlp: layers by number, the activation between them alone") {
  const nn::Mlp net{.sizes = {2, 2, 1}};
  const Params p = Params::join(
      {two_by_two.prefixed("0"),
       Params({{"weight", Tensor({1, 2}, {1.0, -1.0})}, {"bias", Tensor({1}, {-100.0})}})
           .prefixed("1")});
  CHECK(*net.init(Key{1}, DType::f64).layout() == *p.layout());
  Tape tape;
  // [9, 19] -> 9 - 19 - 100; [-20, -40] -> [-30, -60 + ...] is cut to zeros.
  const Var x = tape.constant(Tensor({2, 2}, {1.0, -1.0, -20.0, -40.0}));
  check_values(net(bind(tape, p), x).value(), {-110, -100});
}

TEST_CASE("mlp: one layer is linear; its parts are Linear's own") {
  const nn::Mlp net{.sizes = {3, 2}};
  const Params p = net.init(Key{7}, DType::f64);
  CHECK(identical(p.inside("0"),
                  nn::Linear{.in = 3, .out = 2}.init(Key{7}.split(std::uint64_t{0}), DType::f64)));
  Tape tape;
  const Var x = tape.constant(normal({4, 3}, Key{2}, DType::f64));
  CHECK(identical(net(bind(tape, p), x).value(),
                  nn::Linear{.in = 3, .out = 2}(bind(tape, p.inside("0")), x).value()));
}

TEST_CASE("mlp: dropout stands behind each activation, with a mask of its own") {
  const nn::Mlp net{.sizes = {3, 50, 50, 2}, .activation = Activation::tanh, .dropout = 0.5};
  Tape tape;
  const Bound p = bind(tape, net.init(Key{1}, DType::f64));
  const Var x = tape.constant(normal({4, 3}, Key{2}, DType::f64));
  const nn::Mode mode{.training = true, .key = Key{5}};
  Var h = x;
  for (const char* name : {"0", "1"}) {
    h = nn::Linear{.activation = Activation::tanh}(p.inside(name), h);
    h = nn::Dropout{0.5}({}, h, mode.inside(name));
  }
  const Tensor by_hand = nn::Linear{}(p.inside("2"), h).value();
  CHECK(identical(net(p, x, mode).value(), by_hand));
  nn::Mlp plain = net;
  plain.dropout = 0;
  CHECK(identical(net(p, x).value(), plain(p, x).value()));
  CHECK(identical(plain(p, x, mode).value(), plain(p, x).value()));
}

TEST_CASE("mlp: sizes and rates that are none") {
  CHECK_THROWS_WITH(nn::Mlp{}.init(Key{1}), "mlp: 0 sizes: an input and an output are needed");
  CHECK_THROWS_WITH(nn::Mlp{.sizes = {3}}.init(Key{1}),
                    "mlp: 1 sizes: an input and an output are needed");
  CHECK_THROWS_WITH((nn::Mlp{.sizes = {3, 0, 2}}.init(Key{1})),
                    "linear: in 3, out 0: each at least 1");
  Tape tape;
  const Var x = tape.constant(Tensor::zeros({1, 3}));
  CHECK_THROWS_WITH(nn::Mlp{}(Bound{}, x), "mlp: 0 sizes: an input and an output are needed");
  for (const double rate : {-0.5, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    const nn::Mlp net{.sizes = {3, 2, 2}, .dropout = rate};
    CHECK_THROWS_AS(net(bind(tape, net.init(Key{1})), x), DataError);
  }
}

TEST_CASE("linear, mlp: derivatives") {
  check_derivatives(nn::Linear{.in = 3, .out = 2}, {4, 3});
  check_derivatives(nn::Linear{.in = 3, .out = 2, .bias = false}, {2, 2, 3});
  check_derivatives(nn::Linear{.in = 3, .out = 2, .activation = Activation::sigmoid}, {4, 3});
  check_derivatives(nn::Mlp{.sizes = {3, 5, 4, 2}, .activation = Activation::tanh}, {4, 3});
  check_derivatives(nn::Mlp{.sizes = {3, 5, 2}}, {4, 3});
}

TEST_CASE("linear: one adapted weight by hand, and what its gradient is") {
  const nn::Linear layer{.bias = false};
  Tape tape;
  const Bound p = bind(tape, Params({{"weight", Tensor({1, 1}, {2.0})}}));
  const Var x = tape.constant(Tensor({1, 1}, {3.0}));
  const auto loss = [&](const Bound& q) { return sum(square(layer(q, x) - 1.0)); };
  const Bound adapted = p - 0.01 * recorded_grad(loss(p), p);
  CHECK(adapted["weight"].value().item() == Approx(1.7));  // 2 - 0.01 * 2 * 3 * (6 - 1)
  CHECK(loss(adapted).item() == Approx(16.81));            // (5.1 - 1)²
  // 2 * 3 * 4.1, times the derivative of the step, 1 - 0.01 * 2 * 3².
  CHECK(grad(loss(adapted), p)["weight"].item() == Approx(24.6 * 0.82));
  const Bound first_order = p - 0.01 * stop_gradient(recorded_grad(loss(p), p));
  CHECK(grad(loss(first_order), p)["weight"].item() == Approx(24.6));
}

TEST_CASE("linear, mlp: adapted weights run like any others") {
  check_adapted(nn::Linear{.in = 3, .out = 2}, {4, 3});
  check_adapted(nn::Mlp{.sizes = {3, 5, 2}, .activation = Activation::tanh}, {4, 3});
  check_adapted(nn::Mlp{.sizes = {3, 5, 2}}, {4, 3});
}
