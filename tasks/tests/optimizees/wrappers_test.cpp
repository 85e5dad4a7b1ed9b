// wrappers_test.cpp: random scaling and the convex companion around any optimizee, and around each
// other.
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/tasks/optimizees/convex_companion.hpp"
#include "metatape/tasks/optimizees/mlp_classifier.hpp"
#include "metatape/tasks/optimizees/quadratics.hpp"
#include "metatape/tasks/optimizees/random_scaling.hpp"
#include "support/catch.hpp"
#include "support/optimizees.hpp"
#include "support/pictures.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// A problem of two tensors with an objective of its own.
struct Uneven {
  [[nodiscard]] std::string name() const { return "uneven"; }
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype) const {
    return {.initial = Params({{"a", normal({2}, key.split("a"), dtype)},
                               {"b", normal({2, 2}, key.split("b"), dtype)}}),
            .loss = [](const Bound& p,
                       Key) { return sum(square(p["a"])) + sum(exp(p["b"])) + sum(p.flat()); },
            .objective = [](const Bound& p, Key) { return sum(square(p.flat())); }};
  }
};

double judged(const OptimizeeInstance& instance, const Params& theta) {
  Tape tape;
  return instance.objective(bind(tape, theta), Key(0)).item();
}

}  // namespace

TEST_CASE("random scaling: values along corresponding points are the problem's own") {
  const auto plain = Uneven{}.sample(Key(1), DType::f64);
  const auto scaled = RandomScaling{Uneven{}, 3}.sample(Key(1), DType::f64);
  CHECK(*scaled.initial.layout() == *plain.initial.layout());
  CHECK(losses(scaled, scaled.initial).item() ==
        Approx(losses(plain, plain.initial).item()).epsilon(1e-14));
  CHECK(judged(scaled, scaled.initial) == Approx(judged(plain, plain.initial)).epsilon(1e-14));
  const Params g = gradient(plain, plain.initial), h = gradient(scaled, scaled.initial);
  for (std::int64_t i = 0; i < 6; ++i) {
    const double c = plain.initial.flat().at(i) / scaled.initial.flat().at(i);
    CHECK(c >= std::exp(-3));
    CHECK(c <= std::exp(3));
    CHECK(h.flat().at(i) == Approx(c * g.flat().at(i)).epsilon(1e-13));
  }
}

TEST_CASE("random scaling: factors follow their law, by instance and coordinate") {
  const AnyOptimizee inner = Quadratics{.dim = 20, .functions = 200, .start = 1.0};
  const RandomScaling scaling{inner, 2};
  CHECK(scaling.name() == inner.name());
  const auto plain = inner.sample(Key(1), DType::f64), a = scaling.sample(Key(1), DType::f64);
  CHECK(a.functions == 200);
  CHECK(losses(a, a.initial).shape() == Shape{200});
  double mean = 0, squares = 0;
  for (std::int64_t i = 0; i < 4000; ++i) {
    const double u = std::log(plain.initial.flat().at(i) / a.initial.flat().at(i));
    CHECK(std::abs(u) <= 2 + 1e-12);
    mean += u / 4000;
    squares += u * u / 4000;
  }
  CHECK(std::abs(mean) < 0.1);                      // deviation of the mean: .018
  CHECK(squares == Approx(4.0 / 3).epsilon(0.06));  // r² / 3
  CHECK(identical(a.initial, scaling.sample(Key(1), DType::f64).initial));
  CHECK_FALSE(identical(a.initial, scaling.sample(Key(2), DType::f64).initial));
  const auto none = RandomScaling{inner, 0}.sample(Key(1), DType::f64);
  CHECK(identical(none.initial, plain.initial));
  CHECK(identical(losses(none, none.initial), losses(plain, plain.initial)));
}

TEST_CASE("convex companion: the problem's tensors first, then x from 0") {
  const auto plain = Uneven{}.sample(Key(1), DType::f64);
  const auto both = ConvexCompanion{Uneven{}}.sample(Key(1), DType::f64);
  CHECK(both.initial.entries().size() == 3);
  CHECK(both.initial.entries()[2].name == "companion.x");
  CHECK(both.initial["companion.x"].shape() == Shape{1, 20});
  CHECK(identical(both.initial["a"], plain.initial["a"]));
  CHECK(identical(both.initial["b"], plain.initial["b"]));
  // at x = 0 the companion is the mean of a², a ~ U(-1, 1): between 0 and 1
  const double companion = losses(both, both.initial).item() - losses(plain, plain.initial).item();
  CHECK(companion > 0.1);
  CHECK(companion < 0.6);
  CHECK(judged(both, both.initial) == Approx(judged(plain, plain.initial) + companion));
  // and its coordinates are independent of the problem's
  const Params g = gradient(plain, plain.initial), h = gradient(both, both.initial);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(h.flat().at(i) == Approx(g.flat().at(i)));
}

TEST_CASE("convex companion: it is mean min((c x - a)², 10), read off its slopes") {
  const auto both = ConvexCompanion{.optimizee = Uneven{}, .dim = 4}.sample(Key(2), DType::f64);
  const auto plain = Uneven{}.sample(Key(2), DType::f64);
  const double base = losses(plain, plain.initial).item();
  const Params g = gradient(both, both.initial);
  Tape tape;
  const Bound theta = bind(tape, both.initial);
  const Tensor h = hessian(both.loss(theta, Key(0)), theta.flat());
  double zero = 0;  // g(0) = Σ a²/4 from slope -2ca/4 and curvature 2c²/4
  Params bottom = both.initial;
  for (std::int64_t i = 6; i < 10; ++i) {
    const double c = std::sqrt(2 * h.at(i * 10 + i)), a = -2 * g.flat().at(i) / c;
    CHECK(c >= std::exp(-1));
    CHECK(c <= std::exp(1));
    CHECK(std::abs(a) <= 1);
    zero += a * a / 4;
    bottom.flat().mutable_values<double>()[static_cast<std::size_t>(i)] = a / c;
  }
  CHECK(losses(both, both.initial).item() - base == Approx(zero).epsilon(1e-10));
  CHECK(losses(both, bottom).item() - base == Approx(0).margin(1e-12));
  Params far = both.initial;
  for (std::size_t i = 6; i < 10; ++i) far.flat().mutable_values<double>()[i] = 1000;
  CHECK(losses(both, far).item() - base == Approx(10).epsilon(1e-12));
  CHECK(gradient(both, far)["companion.x"].at(2) == 0);
}

TEST_CASE("convex companion: each of several functions has one of its own") {
  const AnyOptimizee inner = Quadratics{.dim = 3, .functions = 5};
  const auto both = ConvexCompanion{inner}.sample(Key(3), DType::f64);
  const auto plain = inner.sample(Key(3), DType::f64);
  CHECK(both.initial["companion.x"].shape() == Shape{5, 20});
  CHECK(both.functions == 5);
  const Tensor a = losses(both, both.initial), b = losses(plain, plain.initial);
  CHECK(a.shape() == Shape{5});
  Params moved = both.initial;
  moved.flat().mutable_values<double>()[15 + 20] += 0.5;  // x of function 1
  const Tensor c = losses(both, moved);
  for (std::int64_t f = 0; f < 5; ++f) {
    CHECK(a.at(f) > b.at(f));
    CHECK((c.at(f) == a.at(f)) == (f != 1));
  }
}

TEST_CASE("wrappers: around a network and each other, from a buffer or from tensors") {
  const AnyOptimizee mlp = MlpClassifier{
      .images = pictures(12, 3, 1, 3), .hidden = {4}, .start = NetworkStart::glorot, .batch = 5};
  const auto instance = ConvexCompanion{RandomScaling{mlp, 3}}.sample(Key(4), DType::f64);
  check(instance, 1e-5);
  check(RandomScaling{ConvexCompanion{mlp}, 1}.sample(Key(4), DType::f64), 1e-5);
  // p - rate * g is made of tensors, not of one buffer
  Tape tape;
  const Bound theta = bind(tape, instance.initial);
  const Bound stepped = theta - 0.1 * recorded_grad(instance.loss(theta, Key(1)), theta);
  CHECK_FALSE(stepped.has_flat());
  const double adapted = instance.loss(stepped, Key(2)).item();
  CHECK(adapted == Approx(losses(instance, stepped.value(), Key(2)).item()).epsilon(1e-14));
}

TEST_CASE("wrappers: what cannot be is said") {
  CHECK_THROWS_WITH((RandomScaling{Uneven{}, -1}.sample(Key(1))),
                    "random scaling: range -1: 0 to 20 expected");
  CHECK_THROWS_WITH((ConvexCompanion{.optimizee = Uneven{}, .dim = 0}.sample(Key(1))),
                    "convex companion: dim 0, range 1: 1 or more and 0 to 20 expected");
  // two companions would have one name
  const AnyOptimizee inner = ConvexCompanion{Uneven{}};
  CHECK_THROWS_AS(ConvexCompanion{inner}.sample(Key(1)), DataError);
}
