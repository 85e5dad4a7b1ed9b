// Softmax, its losses and normalisations against numbers worked out by hand.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/autodiff.hpp"

using namespace metatape;

TEST_CASE("softmax of logarithms is their share", "[softmax]") {
  Tape tape;
  const Var x =
      tape.constant(Tensor({2, 2}, {std::log(1.0), std::log(3.0), std::log(2.0), std::log(8.0)}));
  const std::vector<double> rows = softmax(x).value().to_vector();
  CHECK(rows[0] == Approx(0.25));
  CHECK(rows[3] == Approx(0.8));
  const std::vector<double> columns = softmax(x, 0).value().to_vector();
  CHECK(columns[0] == Approx(1.0 / 3));
  CHECK(columns[3] == Approx(8.0 / 11));
  CHECK(log_softmax(x).value().at(1) == Approx(std::log(0.75)));
}

TEST_CASE("softmax_cross_entropy is the mean surprise, its gradient p - y over n", "[softmax]") {
  Tape tape;
  const Var x =
      tape.variable(Tensor({2, 2}, {std::log(1.0), std::log(3.0), std::log(2.0), std::log(8.0)}));
  const Var loss = softmax_cross_entropy(x, Indices({1, 0}));
  CHECK(loss.item() == Approx(-(std::log(0.75) + std::log(0.2)) / 2));
  const Tensor d = grad(loss, x);
  CHECK(d.at(0) == Approx(0.125));
  CHECK(d.at(1) == Approx(-0.125));
  CHECK(d.at(2) == Approx(-0.4));
  const Var certain = tape.constant(Tensor({2, 2}, {0.0, 1.0, 1.0, 0.0}));
  CHECK(softmax_cross_entropy(x, certain).item() == Approx(loss.item()));
  REQUIRE_THROWS_WITH(softmax_cross_entropy(x, Indices({1, -3})),
                      "softmax_cross_entropy: label -3 at row 1 is not in [0, 2)");
}

TEST_CASE("batch_norm takes each channel to beta and gamma", "[normalization]") {
  Tape tape;
  const Var x = tape.variable(Tensor({4, 2}, {1.0, 10.0, 3.0, 10.0, 5.0, 10.0, 7.0, 14.0}));
  const BatchStatistics s = batch_statistics(x);
  CHECK(s.mean.value().to_vector() == std::vector<double>{4, 11});
  CHECK(s.variance.value().to_vector() == std::vector<double>{5, 3});
  const Var gamma = tape.variable(Tensor({2}, {2.0, 1.0})),
            beta = tape.variable(Tensor({2}, {0.5, -1.0}));
  const std::vector<double> own = batch_norm(x, gamma, beta, 0).value().to_vector();
  CHECK(own[0] == Approx(0.5 - 6 / std::sqrt(5.0)));
  CHECK(own[7] == Approx(-1 + std::sqrt(3.0)));
  const std::vector<double> given = batch_norm(x, gamma, beta, s, 0).value().to_vector();
  for (std::size_t i = 0; i < own.size(); ++i) CHECK(given[i] == Approx(own[i]));
  // Through its own statistics, a channel's gradient sums to nothing.
  const Tensor d = grad(sum(square(batch_norm(x, gamma, beta))), x);
  CHECK(d.at(0) + d.at(2) + d.at(4) + d.at(6) == Approx(0).margin(1e-12));
}

TEST_CASE("moments of many rows far from zero keep their digits in float32", "[normalization]") {
  Tensor x = normal({100000, 3}, Key{5}, DType::f32);
  for (float& v : x.mutable_values<float>()) v += 1000;
  Tape tape;
  const BatchStatistics narrow = batch_statistics(tape.constant(x));
  const BatchStatistics wide = batch_statistics(tape.constant(x.to(DType::f64)));
  for (std::int64_t j = 0; j < 3; ++j) {
    CHECK(narrow.mean.value().at(j) == Approx(wide.mean.value().at(j)).epsilon(1e-6));
    CHECK(narrow.variance.value().at(j) == Approx(wide.variance.value().at(j)).epsilon(1e-4));
  }
}

TEST_CASE("layer_norm takes each row to beta and gamma", "[normalization]") {
  Tape tape;
  const Var x = tape.constant(Tensor({2, 2}, {1.0, 3.0, -5.0, 5.0}));
  const Var gamma = tape.constant(Tensor({2}, {1.0, 10.0})),
            beta = tape.constant(Tensor({2}, {0.0, 1.0}));
  const std::vector<double> y = layer_norm(x, gamma, beta, 0).value().to_vector();
  const std::vector<double> expected{-1, 11, -1, 11};
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == Approx(expected[i]));
}

TEST_CASE("normalisation with relu and pool is the three ops one after the other",
          "[normalization]") {
  for (const DType type : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{5, 7, 8, 64}, Shape{1, 2, 3, 1}, Shape{3, 13, 5, 37}})
      for (const bool pool : {false, true}) {
        INFO(to_string(shape) << ", pool " << pool);
        Tape tape;
        const Shape channels{shape[3]};
        const Var x = tape.variable(normal(shape, Key{1}, type));
        const Var gamma = tape.variable(normal(channels, Key{2}, type));
        const Var beta = tape.variable(normal(channels, Key{3}, type));
        Var apart = relu(batch_norm(x, gamma, beta));
        if (pool) apart = max_pool2d(apart);
        const Var at_once =
            pool ? batch_norm_relu_pool(x, gamma, beta) : batch_norm_relu(x, gamma, beta);
        CHECK(identical(at_once.value(), apart.value()));
        const Var weight = tape.variable(normal(apart.shape(), Key{4}, type));
        const auto require_same = [&](const std::vector<Tensor>& found,
                                      const std::vector<Tensor>& expected) {
          for (std::size_t i = 0; i < found.size(); ++i)
            for (std::int64_t j = 0; j < found[i].size(); ++j)
              REQUIRE(std::abs(found[i].at(j) - expected[i].at(j)) <
                      (type == DType::f32 ? 1e-4 : 1e-11) *
                          std::max(1.0, std::abs(expected[i].at(j))));
        };
        require_same(grad(sum(at_once * weight), {x, gamma, beta}),
                     grad(sum(apart * weight), {x, gamma, beta}));
        // Second order, with other weights on the three gradients.
        const auto second = [&](Var y) {
          const std::vector<Var> g = recorded_grad(sum(y * weight), {x, gamma, beta});
          Var along = sum(g[0] * normal(shape, Key{5}, type));
          for (std::size_t i = 1; i < 3; ++i)
            along = along + sum(g[i] * normal(channels, Key{5 + i}, type));
          return grad(along, {x, gamma, beta, weight});
        };
        require_same(second(at_once), second(apart));
      }
}
