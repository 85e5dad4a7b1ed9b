// Products, fused layers and factorisations against numbers worked out by hand.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/autodiff.hpp"

using namespace metatape;

TEST_CASE("matmul takes each factor turned or not", "[matmul]") {
  Tape tape;
  const Tensor a({2, 3}, {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}),
      b({3, 2}, {1.0, 0.0, -1.0, 2.0, 0.5, 1.0});
  const std::vector<double> product{0.5, 7, 2, 16};
  const Var va = tape.constant(a), vb = tape.constant(b);
  const Var ta = tape.constant(Tensor({3, 2}, {1.0, 4.0, 2.0, 5.0, 3.0, 6.0}));
  const Var tb = tape.constant(Tensor({2, 3}, {1.0, -1.0, 0.5, 0.0, 2.0, 1.0}));
  CHECK(matmul(va, vb).value().to_vector() == product);
  CHECK(matmul(ta, vb, Transpose::yes).value().to_vector() == product);
  CHECK(matmul(va, tb, Transpose::no, Transpose::yes).value().to_vector() == product);
  CHECK(matmul(ta, tb, Transpose::yes, Transpose::yes).value().to_vector() == product);
  CHECK(matmul(a, vb).value().to_vector() == product);
  CHECK(matmul(va, b).value().to_vector() == product);
}

TEST_CASE("matmul of vectors and of batches that broadcast", "[matmul]") {
  Tape tape;
  const Var row = tape.constant(Tensor({2}, {1.0, 2.0}));
  const Var batch = tape.constant(Tensor({2, 2, 1}, {1.0, 10.0, 100.0, 1000.0}));
  CHECK(matmul(row, row).shape() == Shape{});
  CHECK(matmul(row, row).item() == 5);
  CHECK(matmul(row, batch).shape() == Shape{2, 1});
  CHECK(matmul(row, batch).value().to_vector() == std::vector<double>{21, 2100});
  const Var column = tape.constant(Tensor({1}, {3.0}));
  CHECK(matmul(batch, column).shape() == Shape{2, 2});
  CHECK(matmul(batch, column).value().to_vector() == std::vector<double>{3, 30, 300, 3000});
  CHECK(matmul(tape.constant(Tensor::zeros({5, 1, 4, 3})), tape.constant(Tensor::zeros({7, 3, 2})))
            .shape() == Shape{5, 7, 4, 2});
  CHECK(matmul(tape.constant(Tensor::zeros({4, 0})), tape.constant(Tensor::zeros({0, 3})))
            .value()
            .to_vector() == std::vector<double>(12, 0.0));
}

TEST_CASE("small products add in the order of the inner axis", "[matmul]") {
  Tape tape;
  for (const std::int64_t m : {1, 3, 4, 5})
    for (const std::int64_t n : {1, 2, 5, 8})
      for (const std::int64_t k : {1, 2, 7})
        for (const bool turn_a : {false, true})
          for (const bool turn_b : {false, true}) {
            const Tensor a = normal(turn_a ? Shape{k, m} : Shape{m, k}, Key{1});
            const Tensor b = normal(turn_b ? Shape{n, k} : Shape{k, n}, Key{2});
            const Var y =
                matmul(tape.constant(a), tape.constant(b), turn_a ? Transpose::yes : Transpose::no,
                       turn_b ? Transpose::yes : Transpose::no);
            const std::span<const float> va = a.values<float>(), vb = b.values<float>();
            const auto at = [](std::span<const float> v, std::int64_t i) {
              return v[static_cast<std::size_t>(i)];
            };
            Tensor expected = Tensor::zeros({m, n});
            for (std::int64_t i = 0; i < m; ++i)
              for (std::int64_t j = 0; j < n; ++j) {
                float sum = 0;
                for (std::int64_t l = 0; l < k; ++l)
                  sum += at(va, turn_a ? l * m + i : i * k + l) *
                         at(vb, turn_b ? j * k + l : l * n + j);
                expected.mutable_values<float>()[static_cast<std::size_t>(i * n + j)] = sum;
              }
            CAPTURE(m, n, k, turn_a, turn_b);
            CHECK(identical(y.value(), expected));
          }
}

TEST_CASE("a large float32 product agrees with float64", "[matmul]") {
  for (const Shape& s : {Shape{129, 65, 33}, Shape{64, 256, 1024}, Shape{1, 300, 301}}) {
    Tape tape;
    const Tensor a = normal({s[0], s[1]}, Key{1}, DType::f64);
    const Tensor b = normal({s[1], s[2]}, Key{2}, DType::f64);
    const std::vector<double> wide = matmul(tape.constant(a), b).value().to_vector();
    const std::vector<double> narrow =
        matmul(tape.constant(a.to(DType::f32)), b.to(DType::f32)).value().to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < wide.size(); ++i)
      worst = std::max(worst, std::abs(wide[i] - narrow[i]));
    CHECK(worst < 1e-4);
  }
}

TEST_CASE("linear adds its bias and applies its activation", "[linear]") {
  Tape tape;
  const Var x = tape.constant(Tensor({1, 2}, {1.0, -2.0}));
  const Var w = tape.constant(Tensor({2, 2}, {3.0, 1.0, 0.0, 1.0}));
  const Var b = tape.constant(Tensor({2}, {0.5, 1.0}));
  CHECK(linear(x, w).value().to_vector() == std::vector<double>{1, -2});
  CHECK(linear(x, w, b).value().to_vector() == std::vector<double>{1.5, -1});
  CHECK(linear(x, w, b, Activation::relu).value().to_vector() == std::vector<double>{1.5, 0});
  CHECK(linear(x, w, b, Activation::tanh).value().at(0) == Approx(std::tanh(1.5)));
  CHECK(linear(x, w, b, Activation::sigmoid).value().at(1) == Approx(1 / (1 + std::exp(1.0))));
}

TEST_CASE("a bias that was rewound is an error, not no bias", "[linear]") {
  Tape tape;
  const Var x = tape.constant(Tensor::zeros({1, 2})), w = tape.constant(Tensor::zeros({3, 2}));
  Var bias;
  {
    const Tape::Scope scope(tape);
    bias = tape.constant(Tensor::zeros({3}));
  }
  REQUIRE_THROWS_AS(linear(x, w, bias), TapeError);
}

TEST_CASE("cholesky, solves and log determinant of a matrix known by hand", "[linalg]") {
  Tape tape;
  const Var a =
      tape.variable(Tensor({3, 3}, {4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0}));
  const Var l = cholesky(a);
  CHECK(l.value().to_vector() == std::vector<double>{2, 0, 0, 6, 1, 0, -8, 5, 3});
  CHECK(logdet(a).item() == Approx(std::log(36.0)));
  const Var b = tape.constant(Tensor({3}, {2.0, 7.0, 6.0}));
  CHECK(triangular_solve(l, b).value().to_vector() == std::vector<double>{1, 1, 3});
  // d log det / dA = A⁻¹; its first entry is the cofactor 37 * 98 - 43² over the determinant.
  const Tensor d = grad(logdet(a), a);
  CHECK(d.at(0) == Approx((37.0 * 98 - 43 * 43) / 36));
  CHECK(d.at(1) == Approx(d.at(3)));
  REQUIRE_THROWS_WITH(
      cholesky(tape.constant(Tensor({2, 2}, {1.0, 2.0, 2.0, 1.0}))),
      "cholesky: [2, 2]: pivot 1 is -3.000000: the matrix is not positive definite");
  REQUIRE_THROWS_WITH(triangular_solve(tape.constant(Tensor({2, 2}, {1.0, 0.0, 5.0, 0.0})),
                                       tape.constant(Tensor({2}, {1.0, 1.0}))),
                      "triangular_solve: [2, 2]: element 1 of the diagonal is 0");
}
