// Recurrent cells of one unit, followed by hand, and sequences against their cells.
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "metatape/autodiff.hpp"
#include "support/simd.hpp"

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

namespace {

// Gradients of everything that two sequences with the same weights depend on, and their last
// states.
std::vector<Tensor> two_sequences(Tape& tape, std::int64_t steps, std::int64_t batch, DType dtype) {
  constexpr std::int64_t in = 19, hidden = 47;
  const auto leaf = [&](const Shape& shape, std::uint64_t key) {
    return tape.variable((normal(shape, Key{key}, DType::f64)).to(dtype));
  };
  const Var x = leaf({steps, batch, in}, 1), h = leaf({batch, hidden}, 2);
  const Var c = leaf({batch, hidden}, 3), w_ih = leaf({4 * hidden, in}, 4) * 0.2;
  const Var w_hh = leaf({4 * hidden, hidden}, 5) * 0.2, bias = leaf({4 * hidden}, 6);
  const LstmOutput first = lstm(x, {h, c}, w_ih, w_hh, bias);
  const LstmOutput second = lstm(flip(x, 0), first.last, w_ih, w_hh, bias);
  const Var loss = mean(square(first.outputs)) + mean(second.outputs * first.outputs) +
                   mean(second.last.c * first.last.h);
  std::vector<Tensor> all = grad(loss, {x, h, c, w_ih, w_hh, bias});
  all.push_back(second.last.h.value());
  all.push_back(second.last.c.value());
  return all;
}

}  // namespace

TEST_CASE("float32 sequences agree with float64, cut in any way", "[recurrent]") {
  // On tiles: 7 steps of 73 rows at once; 2 of 300, the last alone; a cell. By products: few rows.
  for (const auto& size :
       {std::array<std::int64_t, 2>{9, 73}, {3, 300}, {1, 131}, {4, 3}, {5, 1}}) {
    const std::int64_t steps = size[0], batch = size[1];
    Tape wide;
    const std::vector<Tensor> expected = two_sequences(wide, steps, batch, DType::f64);
    for_each_simd([&] {
      INFO(steps << " steps of " << batch);
      std::vector<Tensor> alone;
      for (const int count : {1, 2, 3}) {
        Threads threads(count);
        Tape tape({.threads = &threads});
        const std::vector<Tensor> found = two_sequences(tape, steps, batch, DType::f32);
        if (alone.empty()) alone = found;
        for (std::size_t k = 0; k < found.size(); ++k) {
          const std::vector<double> a = found[k].to_vector(), b = expected[k].to_vector();
          double most = 0, worst = 0;
          for (std::size_t i = 0; i < a.size(); ++i) {
            most = std::max(most, std::abs(b[i]));
            worst = std::max(worst, std::abs(a[i] - b[i]));
          }
          REQUIRE(worst < 1e-5 * most);
          REQUIRE(a == alone[k].to_vector());
        }
      }
    });
  }
}
