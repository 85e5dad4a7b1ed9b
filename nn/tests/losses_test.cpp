// losses_test.cpp: losses against their formulas, at their corners, and their derivatives.
#include "metatape/nn/losses.hpp"

#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "support/modules.hpp"

using namespace metatape;

TEST_CASE("losses: mean squared error and Huber by hand") {
  Tape tape;
  const Var x = tape.constant(Tensor({4}, {0.0, 1.0, 4.0, -2.0}));
  const Var y = tape.constant(Tensor({4}, {0.5, 1.0, 1.0, -1.0}));
  CHECK(nn::mean_squared_error(x, y).item() == Approx((0.25 + 0 + 9 + 1) / 4));
  CHECK(nn::huber(x, y).item() == Approx((0.125 + 0 + 2.5 + 0.5) / 4));
  CHECK(nn::huber(x, y, 2).item() == Approx((0.125 + 0 + 2 * (3 - 1) + 0.5) / 4));
  CHECK(nn::huber(x, y, 0.25).item() ==
        Approx(0.25 * (0.5 + 3 + 1 - 3 * 0.125) / 4));  // all but the second are beyond
  CHECK(nn::huber(x, y, 100).item() == Approx(nn::mean_squared_error(x, y).item() / 2));
  CHECK(nn::mean_squared_error(x, y).shape() == Shape{});
}

TEST_CASE("losses: Huber's slope is the difference, held to delta; its curve 1 within, 0 beyond") {
  const std::vector<double> at{-3, -1.5, -0.4, 0, 0.7, 1.4, 5};
  for (const double d : at) {
    INFO(d);
    Tape tape;
    const Var x = tape.variable(Tensor({1}, {d}));
    const Var y = tape.constant(Tensor({1}, {0.0}));
    const Var slope = recorded_grad(nn::huber(x, y, 1.5), x);
    CHECK(slope.value().item() == Approx(std::min(std::max(d, -1.5), 1.5)));
    if (std::abs(d) < 1.5)
      CHECK(grad(sum(slope), x).item() == 1);
    else if (std::abs(d) > 1.5)
      CHECK(grad(sum(slope), x).item() == 0);
  }
}

TEST_CASE("losses: softmax cross-entropy is -log of the label's probability") {
  Tape tape;
  const Tensor values({2, 3}, {1.0, 2.0, 3.0, 0.5, -1.0, 0.0});
  const Var x = tape.constant(values);
  const double first = -std::log(std::exp(3) / (std::exp(1) + std::exp(2) + std::exp(3)));
  const double second = -std::log(std::exp(-1) / (std::exp(0.5) + std::exp(-1) + 1));
  CHECK(nn::softmax_cross_entropy(x, Indices({2, 1})).item() == Approx((first + second) / 2));
  const Var targets = tape.constant(Tensor({2, 3}, {0.0, 0.0, 1.0, 0.0, 1.0, 0.0}));
  CHECK(nn::softmax_cross_entropy(x, targets).item() == Approx((first + second) / 2));
  // Huge logits neither overflow nor lose the difference.
  const Var huge = tape.constant(Tensor({1, 2}, {1e4, 1e4 - 2}));
  CHECK(nn::softmax_cross_entropy(huge, Indices({1})).item() ==
        Approx(2 + std::log1p(std::exp(-2))));
  CHECK_THROWS_AS(nn::softmax_cross_entropy(x, Indices({2, 3})), DataError);
}

TEST_CASE("losses: sigmoid cross-entropy is binary, and finite where the sigmoid is not") {
  Tape tape;
  const Var x = tape.constant(Tensor({3}, {0.0, 2.0, -1.0}));
  const Var t = tape.constant(Tensor({3}, {1.0, 0.0, 0.25}));
  const auto log_sigmoid = [](double v) { return -std::log1p(std::exp(-v)); };
  CHECK(
      nn::sigmoid_cross_entropy(x, t).item() ==
      Approx((-log_sigmoid(0) - log_sigmoid(-2) - 0.25 * log_sigmoid(-1) - 0.75 * log_sigmoid(1)) /
             3));
  const Var far = tape.constant(Tensor({2}, {1000.0, -1000.0}));
  CHECK(nn::sigmoid_cross_entropy(far, tape.constant(Tensor({2}, {0.0, 0.0}))).item() ==
        Approx(500));
}

TEST_CASE("losses: accuracy is the share of rows whose largest logit is the label's") {
  Tape tape;
  const Var x = tape.constant(Tensor({4, 2}, {1.0, 2.0, 3.0, 0.0, 5.0, 5.0, -1.0, -2.0}));
  CHECK(nn::accuracy(x, Indices({1, 0, 0, 0})) == 1);  // of equals the first
  CHECK(nn::accuracy(x, Indices({1, 1, 1, 0})) == 0.5);
  CHECK(nn::accuracy(x, Indices({0, 1, 1, 1})) == 0);
}

TEST_CASE("losses: shapes and values that do not fit") {
  Tape tape;
  const Var three = tape.constant(Tensor::zeros({3})), one = tape.constant(Tensor::zeros({1}));
  CHECK_THROWS_WITH(nn::mean_squared_error(three, one),  // no broadcasting by accident
                    "mean_squared_error: [3] with [1]: equal shapes are needed");
  CHECK_THROWS_WITH(nn::huber(three, one), "huber: [3] with [1]: equal shapes are needed");
  CHECK_THROWS_WITH(nn::huber(one, one, 0), "huber: delta 0.000000: more than 0 is needed");
  CHECK_THROWS_AS(nn::huber(one, one, std::nan("")), DataError);
  const Var nothing = tape.constant(Tensor::zeros({0}));
  CHECK_THROWS_AS(nn::mean_squared_error(nothing, nothing), ShapeError);
  CHECK_THROWS_AS(nn::huber(nothing, nothing), ShapeError);
  const Var logits = tape.constant(Tensor::zeros({2, 3}));
  CHECK_THROWS_WITH(
      nn::accuracy(logits, Indices({1})),
      "accuracy: logits [2, 3] with labels [1]: [n, k] with [n], n >= 1, is expected");
  CHECK_THROWS_AS(nn::accuracy(three, Indices({1, 1, 1})), ShapeError);
  CHECK_THROWS_AS(nn::accuracy(tape.constant(Tensor::zeros({0, 3})), Indices()), ShapeError);
}

TEST_CASE("losses: derivatives") {
  const Tensor a = normal({4, 3}, Key{1}, DType::f64), b = normal({4, 3}, Key{2}, DType::f64);
  check_derivatives([](std::span<const Var> x) { return nn::mean_squared_error(x[0], x[1]); },
                    {a, b});
  for (const double delta : {0.3, 1.0, 10.0})
    check_derivatives([&](std::span<const Var> x) { return nn::huber(x[0], x[1], delta); }, {a, b});
  check_derivatives(
      [](std::span<const Var> x) {
        return nn::softmax_cross_entropy(x[0], Indices({2, 0, 1, 1}));
      },
      {a});
  check_derivatives([](std::span<const Var> x) { return nn::sigmoid_cross_entropy(x[0], x[1]); },
                    {a, uniform({4, 3}, Key{3}, 0.1, 0.9, DType::f64)});
}
