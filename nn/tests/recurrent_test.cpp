// recurrent_test.cpp: LSTM and GRU against loops of plain ops, stacked, states handed on.
#include "metatape/nn/recurrent.hpp"

#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "support/modules.hpp"

using namespace metatape;

static_assert(nn::Module<nn::Lstm> && nn::Module<nn::Gru>);

namespace {

Var product(Var x, Var weight) { return matmul(x, weight, Transpose::no, Transpose::yes); }

// One layer by the formulas, gates i f g o: outputs, and the last state in h and c.
Var plain_lstm(const Bound& p, const std::string& layer, Var x, Var& h, Var& c) {
  std::vector<Var> outputs;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    const std::vector<Var> gates = split(product(row(x, t), p["weight_ih" + layer]) +
                                             product(h, p["weight_hh" + layer]) + p["bias" + layer],
                                         4, 1);
    c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    h = sigmoid(gates[3]) * tanh(c);
    outputs.push_back(h);
  }
  return stack(outputs);
}

// The same, gates r z n; the reset gate acts behind the product, as cuDNN's.
Var plain_gru(const Bound& p, const std::string& layer, Var x, Var& h) {
  std::vector<Var> outputs;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    const std::vector<Var> from_x =
        split(product(row(x, t), p["weight_ih" + layer]) + p["bias_ih" + layer], 3, 1);
    const std::vector<Var> from_h =
        split(product(h, p["weight_hh" + layer]) + p["bias_hh" + layer], 3, 1);
    const Var r = sigmoid(from_x[0] + from_h[0]), z = sigmoid(from_x[1] + from_h[1]);
    const Var n = tanh(from_x[2] + r * from_h[2]);
    h = (1.0 - z) * n + z * h;
    outputs.push_back(h);
  }
  return stack(outputs);
}

const nn::Lstm two_lstm{.in = 2, .hidden = 3, .layers = 2};
const nn::Gru two_gru{.in = 2, .hidden = 3, .layers = 2};

}  // namespace

TEST_CASE("lstm: the loop of its formulas, two layers, from given states") {
  Tape tape;
  const Bound p = bind(tape, two_lstm.init(Key{1}, DType::f64));
  const Var x = tape.constant(normal({5, 4, 2}, Key{2}, DType::f64));
  std::vector<LstmState> from;
  for (std::uint64_t l = 0; l < 2; ++l)
    from.push_back({tape.constant(normal({4, 3}, Key{3}.split(l), DType::f64)),
                    tape.constant(normal({4, 3}, Key{4}.split(l), DType::f64))});
  const nn::Lstm::Result run = two_lstm.run(p, x, from);
  Var y = x;
  REQUIRE(run.last.size() == 2);
  for (std::size_t l = 0; l < 2; ++l) {
    Var h = from[l].h, c = from[l].c;
    y = plain_lstm(p, "_l" + std::to_string(l), y, h, c);
    check_values(run.last[l].h.value(), h.value());
    check_values(run.last[l].c.value(), c.value());
  }
  check_values(run.outputs.value(), y.value());
  CHECK(run.outputs.shape() == Shape{5, 4, 3});
}

TEST_CASE("gru: the loop of its formulas, two layers, from given states") {
  Tape tape;
  const Bound p = bind(tape, two_gru.init(Key{1}, DType::f64));
  const Var x = tape.constant(normal({5, 4, 2}, Key{2}, DType::f64));
  std::vector<Var> from;
  for (std::uint64_t l = 0; l < 2; ++l)
    from.push_back(tape.constant(normal({4, 3}, Key{3}.split(l), DType::f64)));
  const nn::Gru::Result run = two_gru.run(p, x, from);
  Var y = x;
  REQUIRE(run.last.size() == 2);
  for (std::size_t l = 0; l < 2; ++l) {
    Var h = from[l];
    y = plain_gru(p, "_l" + std::to_string(l), y, h);
    check_values(run.last[l].value(), h.value());
  }
  check_values(run.outputs.value(), y.value());
  CHECK(run.outputs.shape() == Shape{5, 4, 3});
}

TEST_CASE("recurrent: one step by hand") {
  // One unit, all weights 1 and biases 0, x = 1 from zeros: every gate sees 1.
  const double s = 1 / (1 + std::exp(-1.0));
  Tape tape;
  const Var x = tape.constant(Tensor({1, 1, 1}, {1.0}));
  const auto ones = [&](const Params& p) {
    Params filled = p;
    for (const ParamEntry& e : p.entries())
      filled.set(e.name, Tensor::full(e.shape, e.name.starts_with("bias") ? 0 : 1, DType::f64));
    return bind(tape, filled);
  };
  const nn::Lstm lstm;
  const nn::Lstm::Result a = lstm.run(ones(lstm.init(Key{1}, DType::f64)), x);
  CHECK(a.last[0].c.item() == Approx(s * std::tanh(1)));
  CHECK(a.outputs.item() == Approx(s * std::tanh(s * std::tanh(1))));
  const nn::Gru gru;
  CHECK(gru(ones(gru.init(Key{1}, DType::f64)), x).item() == Approx((1 - s) * std::tanh(1)));
}

TEST_CASE("recurrent: no states are zeros, and the operator gives the outputs") {
  Tape tape;
  const Var x = tape.constant(normal({3, 2, 2}, Key{2}));
  const Var zero = tape.constant(Tensor::zeros({2, 3}));
  const Bound l = bind(tape, two_lstm.init(Key{1}));
  CHECK(identical(two_lstm(l, x).value(),
                  two_lstm.run(l, x, {{zero, zero}, {zero, zero}}).outputs.value()));
  const Bound g = bind(tape, two_gru.init(Key{1}));
  CHECK(identical(two_gru(g, x).value(), two_gru.run(g, x, {zero, zero}).outputs.value()));
}

TEST_CASE("recurrent: a sequence in two parts is the sequence, when states are handed on") {
  Tape tape;
  const Var x = tape.variable(normal({6, 2, 2}, Key{2}, DType::f64));
  const Bound l = bind(tape, two_lstm.init(Key{1}, DType::f64));
  const nn::Lstm::Result l1 = two_lstm.run(l, rows(x, 0, 2));
  const nn::Lstm::Result l2 = two_lstm.run(l, rows(x, 2, 6), l1.last);
  const Var whole = two_lstm(l, x), parts = concat({l1.outputs, l2.outputs});
  check_values(parts.value(), whole.value());
  check_values(grad(sum(square(parts)), x), grad(sum(square(whole)), x));
  check_values(grad(sum(square(parts)), l).flat(), grad(sum(square(whole)), l).flat());
  const Bound g = bind(tape, two_gru.init(Key{1}, DType::f64));
  const nn::Gru::Result g1 = two_gru.run(g, rows(x, 0, 2));
  const nn::Gru::Result g2 = two_gru.run(g, rows(x, 2, 6), g1.last);
  const Var all = two_gru(g, x), joined = concat({g1.outputs, g2.outputs});
  check_values(joined.value(), all.value());
  check_values(grad(sum(square(joined)), x), grad(sum(square(all)), x));
}

TEST_CASE("recurrent: a stack is its layers one after the other") {
  Tape tape;
  const Params p = two_lstm.init(Key{1}, DType::f64);
  const auto layer = [&](const std::string& l) {
    return bind(tape, Params({{"weight_ih_l0", p["weight_ih" + l]},
                              {"weight_hh_l0", p["weight_hh" + l]},
                              {"bias_l0", p["bias" + l]}}));
  };
  const Var x = tape.constant(normal({4, 2, 2}, Key{2}, DType::f64));
  const Var first = nn::Lstm{.in = 2, .hidden = 3}(layer("_l0"), x);
  check_values(two_lstm(bind(tape, p), x).value(),
               nn::Lstm{.in = 3, .hidden = 3}(layer("_l1"), first).value());
}

TEST_CASE("recurrent: names, shapes and first weights") {
  const auto described = [](const Params& p) {
    std::string all;
    for (const ParamEntry& e : p.entries()) all += e.name + " " + to_string(e.shape) + "; ";
    return all;
  };
  CHECK(described(two_lstm.init(Key{1})) ==
        "weight_ih_l0 [12, 2]; weight_hh_l0 [12, 3]; bias_l0 [12]; "
        "weight_ih_l1 [12, 3]; weight_hh_l1 [12, 3]; bias_l1 [12]; ");
  CHECK(described(two_gru.init(Key{1})) ==
        "weight_ih_l0 [9, 2]; weight_hh_l0 [9, 3]; bias_ih_l0 [9]; bias_hh_l0 [9]; "
        "weight_ih_l1 [9, 3]; weight_hh_l1 [9, 3]; bias_ih_l1 [9]; bias_hh_l1 [9]; ");
  const nn::Lstm wide{.in = 3, .hidden = 25};
  const Params p = wide.init(Key{1}, DType::f64);
  const std::vector<double> values = p.flat().to_vector();
  const auto [low, high] = std::ranges::minmax(values);
  CHECK(low >= -0.2);
  CHECK(high <= 0.2);
  CHECK(low < -0.199);
  CHECK(high > 0.199);
  CHECK(identical(p, wide.init(Key{1}, DType::f64)));
  CHECK_FALSE(identical(p, wide.init(Key{2}, DType::f64)));
  CHECK_FALSE(
      identical(two_lstm.init(Key{1})["weight_hh_l0"], two_lstm.init(Key{1})["weight_hh_l1"]));
}

TEST_CASE("recurrent: sizes, sequences and states that do not fit") {
  CHECK_THROWS_WITH(nn::Lstm({.in = 0}).init(Key{1}),
                    "lstm: in 0, hidden 1, layers 1: each at least 1");
  CHECK_THROWS_WITH(nn::Gru({.layers = 0}).init(Key{1}),
                    "gru: in 1, hidden 1, layers 0: each at least 1");
  CHECK_THROWS_AS(nn::Lstm({.hidden = -1}).init(Key{1}), DataError);
  Tape tape;
  const Bound l = bind(tape, two_lstm.init(Key{1})), g = bind(tape, two_gru.init(Key{1}));
  const Var flat = tape.constant(Tensor::zeros({2, 2}));
  const Var none = tape.constant(Tensor::zeros({0, 2, 2}));
  CHECK_THROWS_WITH(two_lstm(l, flat),
                    "lstm: x [2, 2]: [steps, batch, in] with a step or more is expected");
  CHECK_THROWS_WITH(two_gru(g, none),
                    "gru: x [0, 2, 2]: [steps, batch, in] with a step or more is expected");
  const Var x = tape.constant(Tensor::zeros({3, 2, 2})), h = tape.constant(Tensor::zeros({2, 3}));
  CHECK_THROWS_WITH(two_lstm.run(l, x, {{h, h}}), "lstm: 1 states for 2 layers");
  CHECK_THROWS_WITH(two_gru.run(g, x, {h, h, h}), "gru: 3 states for 2 layers");
  const Var other = tape.constant(Tensor::zeros({3, 3}));
  CHECK_THROWS_AS(two_lstm.run(l, x, {{other, other}, {other, other}}), ShapeError);
  CHECK_THROWS_AS(two_gru.run(g, x, {other, other}), ShapeError);
  CHECK_THROWS_AS(two_lstm(l, tape.constant(Tensor::zeros({3, 2, 5}))), ShapeError);
  CHECK_THROWS_AS(two_gru(g, tape.constant(Tensor::zeros({3, 2, 5}))), ShapeError);
}

TEST_CASE("recurrent: derivatives, of the states handed in too") {
  check_derivatives(two_lstm, {4, 2, 2});
  check_derivatives(two_gru, {4, 2, 2});
  const Params l = two_lstm.init(Key{1}, DType::f64), g = two_gru.init(Key{1}, DType::f64);
  const auto state = [](std::uint64_t k) { return normal({2, 3}, Key{k}, DType::f64); };
  const Tensor x = normal({2, 2, 2}, Key{9}, DType::f64);
  check_derivatives(
      [&](std::span<const Var> v) {
        const nn::Lstm::Result r =
            two_lstm.run(Bound(l.layout(), v[0]), v[1], {{v[2], v[3]}, {v[4], v[5]}});
        return concat({flatten(r.outputs), flatten(r.last[0].c), flatten(r.last[1].c)});
      },
      {l.flat(), x, state(1), state(2), state(3), state(4)});
  check_derivatives(
      [&](std::span<const Var> v) {
        const nn::Gru::Result r = two_gru.run(Bound(g.layout(), v[0]), v[1], {v[2], v[3]});
        return concat({flatten(r.outputs), flatten(r.last[0])});
      },
      {g.flat(), x, state(1), state(2)});
}

TEST_CASE("recurrent: adapted weights run like any others") {
  check_adapted(nn::Lstm{.in = 2, .hidden = 2, .layers = 2}, {3, 2, 2});
  check_adapted(nn::Gru{.in = 2, .hidden = 2, .layers = 2}, {3, 2, 2});
}
