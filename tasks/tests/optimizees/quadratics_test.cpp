// quadratics_test.cpp: ‖W θ - y‖² by hand, by the law of its draws, and beside others.
#include "metatape/tasks/optimizees/quadratics.hpp"

#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "support/catch.hpp"
#include "support/optimizees.hpp"

using namespace metatape;
using namespace metatape::tasks;

TEST_CASE("quadratics: shapes, one function and many") {
  const auto one = Quadratics{.dim = 7}.sample(Key(1));
  CHECK(one.initial["theta"].shape() == Shape{1, 7});
  CHECK(one.functions == 1);
  CHECK(losses(one, one.initial).shape() == Shape{});
  const auto many = Quadratics{.dim = 7, .functions = 128}.sample(Key(1), DType::f64);
  CHECK(many.initial["theta"].shape() == Shape{128, 7});
  CHECK(many.initial.dtype() == DType::f64);
  CHECK(many.functions == 128);
  CHECK(losses(many, many.initial).shape() == Shape{128});
  CHECK_FALSE(many.objective);
  CHECK_FALSE(Optimizee<int>);
  CHECK(Optimizee<Quadratics>);
}

TEST_CASE("quadratics: the same key gives the same bits, whatever else was drawn") {
  const Quadratics q{.functions = 4};
  const auto first = q.sample(Key(5));
  const auto other = q.sample(Key(6));
  const auto again = q.sample(Key(5));
  CHECK(identical(first.initial, again.initial));
  CHECK(identical(losses(first, other.initial), losses(again, other.initial)));
  CHECK_FALSE(identical(first.initial, other.initial));
  CHECK_FALSE(identical(losses(first, first.initial), losses(other, first.initial)));
}

TEST_CASE("quadratics: function i is what it would be alone") {
  const auto few = Quadratics{.dim = 3, .functions = 2}.sample(Key(3), DType::f64);
  const auto many = Quadratics{.dim = 3, .functions = 5}.sample(Key(3), DType::f64);
  const Tensor point = normal({5, 3}, Key(9), DType::f64);
  const Tensor all = losses(many, at(many, point));
  const Tensor two = losses(few, at(few, point.rows(0, 2)));
  CHECK(two.at(0) == Approx(all.at(0)).epsilon(1e-14));
  CHECK(two.at(1) == Approx(all.at(1)).epsilon(1e-14));
  // and has the gradient that it has alone: the sum's, not the mean's
  const Params g = gradient(many, at(many, point)), h = gradient(few, at(few, point.rows(0, 2)));
  for (std::int64_t i = 0; i < 6; ++i)
    CHECK(g.flat().at(i) == Approx(h.flat().at(i)).epsilon(1e-13));
}

TEST_CASE("quadratics: the value is that of a W and y read off the function itself") {
  for (const auto variant : {QuadraticVariant::uniform, QuadraticVariant::normal}) {
    const auto q = Quadratics{.variant = variant, .dim = 3}.sample(Key(4), DType::f64);
    // f(θ) = θᵀWᵀWθ - 2 yᵀWθ + yᵀy is known from its gradient at 0 and its Hessian
    const auto zero = at(q, Tensor::zeros({1, 3}, DType::f64));
    const double yy = losses(q, zero).item();
    const Params g = gradient(q, zero);
    Tape tape;
    const Bound bound = bind(tape, zero);
    const Tensor h = hessian(sum(q.loss(bound, Key(0))), bound.flat());
    const std::vector<double> x = {0.5, -2, 3};
    double expected = yy;
    for (std::int64_t i = 0; i < 3; ++i) {
      expected += g.flat().at(i) * x[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < 3; ++j)
        expected +=
            0.5 * h.at(3 * i + j) * x[static_cast<std::size_t>(i)] * x[static_cast<std::size_t>(j)];
    }
    CHECK(losses(q, at(q, Tensor({1, 3}, {0.5, -2.0, 3.0}))).item() == Approx(expected));
  }
}

TEST_CASE("quadratics: starts and first losses have the means of their laws") {
  struct Row {
    QuadraticVariant variant;
    double start, f0, tolerance;  // deviation of θ0; E f(θ0)
  };
  // E ‖y‖² = 10/3 for y ~ U(0, 1); E = dim (dim + 1) where all is N(0, 1)
  for (const Row& row : {Row{QuadraticVariant::uniform, 0.01, 3.336, 0.1},
                         Row{QuadraticVariant::normal, 1, 110, 6}}) {
    const auto q = Quadratics{.variant = row.variant, .functions = 2000}.sample(Key(2), DType::f64);
    const double n = static_cast<double>(q.initial.size());
    CHECK(std::sqrt(q.initial.dot(q.initial) / n) == Approx(row.start).epsilon(0.03));
    double mean = 0;
    for (const double f : losses(q, q.initial).to_vector()) mean += f / 2000;
    CHECK(std::abs(mean - row.f0) < row.tolerance);
  }
  const auto held = Quadratics{.functions = 3, .start = 0.0}.sample(Key(2));
  CHECK(held.initial.norm() == 0);
}

TEST_CASE("quadratics: gradients against central differences") {
  for (const int functions : {1, 3})
    check(Quadratics{.variant = QuadraticVariant::normal, .dim = 4, .functions = functions}.sample(
        Key(7), DType::f64));
}

TEST_CASE("quadratics: permuting the functions permutes losses and gradients") {
  // W of function f is its own, so θ_f alone decides loss f
  const auto q = Quadratics{.dim = 2, .functions = 3}.sample(Key(8), DType::f64);
  const Tensor a = losses(q, at(q, Tensor({3, 2}, {1.0, 2.0, 3.0, 4.0, 5.0, 6.0})));
  const Tensor b = losses(q, at(q, Tensor({3, 2}, {1.0, 2.0, 0.0, 0.0, 5.0, 6.0})));
  CHECK(a.at(0) == b.at(0));
  CHECK(a.at(1) != b.at(1));
  CHECK(a.at(2) == b.at(2));
}

TEST_CASE("quadratics: what cannot be is said") {
  CHECK_THROWS_WITH(Quadratics{.dim = 0}.sample(Key(1)),
                    "quadratic:variant=uniform,dim=0: dim and functions of 1 or more and a start "
                    "of 0 or more are needed");
  CHECK_THROWS_AS(Quadratics{.functions = 0}.sample(Key(1)), DataError);
  CHECK_THROWS_AS((Quadratics{.start = std::nan("")}.sample(Key(1))), DataError);
}
