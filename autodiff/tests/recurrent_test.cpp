// Recurrent cells of one unit, followed by hand, and sequences against their cells.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/autodiff.hpp"

using namespace metatape;

namespace {
double logistic(double x) { return 1 / (1 + std::exp(-x)); }
}  // namespace

TEST_CASE("an LSTM cell of one unit", "[recurrent]") {
  Tape tape;
  const Var x = tape.constant(Tensor({1, 1}, {2.0})), h = tape.constant(Tensor({1, 1}, {0.5}));
  const Var c = tape.constant(Tensor({1, 1}, {-1.0}));
  const Var w_ih = tape.constant(Tensor({4, 1}, {0.1, 0.2, 0.3, 0.4}));
  const Var w_hh = tape.constant(Tensor({4, 1}, {1.0, 2.0, 3.0, 4.0}));
  const Var bias = tape.constant(Tensor({4}, {0.0, 0.1, 0.0, -0.1}));
  const LstmState s = lstm_cell(x, {h, c}, w_ih, w_hh, bias);
  const double i = logistic(0.7), f = logistic(1.5), g = std::tanh(2.1), o = logistic(2.7);
  CHECK(s.c.item() == Approx(-f + i * g));
  CHECK(s.h.item() == Approx(o * std::tanh(-f + i * g)));
}

TEST_CASE("a sequence is its cells one after the other", "[recurrent]") {
  Tape tape;
  const Tensor x = normal({4, 3, 2}, Key{1}, DType::f64);
  const Var w_ih = tape.variable(normal({20, 2}, Key{2}, DType::f64));
  const Var w_hh = tape.variable(normal({20, 5}, Key{3}, DType::f64));
  const Var bias = tape.variable(normal({20}, Key{4}, DType::f64));
  const Var zero = tape.constant(Tensor::zeros({3, 5}, DType::f64));
  const LstmOutput whole = lstm(tape.constant(x), {zero, zero}, w_ih, w_hh, bias);
  LstmState s{zero, zero};
  Var total = tape.constant(0, DType::f64);
  for (std::int64_t t = 0; t < 4; ++t) {
    s = lstm_cell(row(tape.constant(x), t), s, w_ih, w_hh, bias);
    total = total + sum(square(s.h));
  }
  const std::vector<double> a = whole.last.c.value().to_vector(), b = s.c.value().to_vector();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]));
  const std::vector<Tensor> da = grad(sum(square(whole.outputs)), {w_ih, w_hh, bias});
  const std::vector<Tensor> db = grad(total, {w_ih, w_hh, bias});
  for (std::size_t k = 0; k < da.size(); ++k)
    for (std::int64_t i = 0; i < da[k].size(); ++i) CHECK(da[k].at(i) == Approx(db[k].at(i)));
  const LstmState start{zero, zero};
  const LstmOutput none =
      lstm(tape.constant(Tensor::zeros({0, 3, 2}, DType::f64)), start, w_ih, w_hh, bias);
  CHECK(none.outputs.shape() == Shape{0, 3, 5});
  CHECK(none.last.h.shape() == Shape{3, 5});
}

TEST_CASE("a sequence of more steps than go at once is its cells too", "[recurrent]") {
  Tape tape;
  constexpr std::int64_t steps = 7, batch = 200;  // two at once
  const Var x = tape.variable(normal({steps, batch, 3}, Key{1}, DType::f64));
  const Var h = tape.variable(normal({batch, 2}, Key{2}, DType::f64));
  const Var c = tape.variable(normal({batch, 2}, Key{3}, DType::f64));
  const Var w_ih = tape.variable(normal({8, 3}, Key{4}, DType::f64));
  const Var w_hh = tape.variable(normal({8, 2}, Key{5}, DType::f64));
  const Var bias = tape.variable(normal({8}, Key{6}, DType::f64));
  const LstmOutput whole = lstm(x, {h, c}, w_ih, w_hh, bias);
  LstmState s{h, c};
  Var total = tape.constant(0, DType::f64);
  for (std::int64_t t = 0; t < steps; ++t) {
    s = lstm_cell(row(x, t), s, w_ih, w_hh, bias);
    total = total + sum(square(s.h));
  }
  const std::vector<Var> inputs{x, h, c, w_ih, w_hh, bias};
  const std::vector<Tensor> da = grad(sum(square(whole.outputs)), inputs), db = grad(total, inputs);
  for (std::size_t k = 0; k < da.size(); ++k)
    for (std::int64_t i = 0; i < da[k].size(); ++i)
      REQUIRE(std::abs(da[k].at(i) - db[k].at(i)) < 1e-11 * (1 + std::abs(db[k].at(i))));
}

TEST_CASE("a GRU cell of one unit", "[recurrent]") {
  Tape tape;
  const Var x = tape.constant(Tensor({1, 1}, {2.0})), h = tape.constant(Tensor({1, 1}, {0.5}));
  const Var w_ih = tape.constant(Tensor({3, 1}, {0.1, 0.2, 0.3}));
  const Var w_hh = tape.constant(Tensor({3, 1}, {1.0, -2.0, 3.0}));
  const Var b_ih = tape.constant(Tensor({3}, {0.1, 0.0, 0.0}));
  const Var b_hh = tape.constant(Tensor({3}, {0.0, 0.2, -0.5}));
  const double r = logistic(0.3 + 0.5), z = logistic(0.4 - 0.8);
  const double n = std::tanh(0.6 + r * 1.0);
  CHECK(gru_cell(x, h, w_ih, w_hh, b_ih, b_hh).item() == Approx((1 - z) * n + z * 0.5));
}
