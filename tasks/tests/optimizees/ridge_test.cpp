// ridge_test.cpp: a function with a setting of its own, against numbers computed by hand.
#include "metatape/tasks/optimizees/ridge.hpp"

#include <cmath>

#include "../support/catch.hpp"
#include "metatape/autodiff.hpp"

using namespace metatape;
using namespace metatape::tasks;

TEST_CASE("ridge: loss, objective and their slopes in w and the penalty") {
  const OptimizeeInstance f = Ridge{.penalty = 0.5}.sample(Key{1}, DType::f64);
  REQUIRE(f.settings["penalty"].item() == 0.5);
  CHECK(identical(f.initial["theta"], Tensor({2}, {0., 0.})));
  Tape tape;
  const Bound w = bind(tape, Params({{"theta", Tensor({2}, {1., 2.})}}));
  // X w = (5, 2, 0), less y (4, 2, -2): half of 24, and a quarter of 5
  CHECK(f.loss(w, Key{}).item() == Approx(12 + 1.25).epsilon(1e-14));
  // V w = (3, -1), less u (2.5, -2.5): half of 12.5
  CHECK(f.objective(w, Key{}).item() == Approx(6.25).epsilon(1e-14));
  const Bound penalty = bind(tape, Params({{"penalty", Tensor({}, {2.})}}));
  const Var l = f.loss_with(w, penalty, Key{});
  CHECK(l.item() == Approx(12 + 5).epsilon(1e-14));
  CHECK(grad(l, penalty.flat()).item() == Approx(2.5).epsilon(1e-14));
  // Xᵀ (X w - y) + 2 w = (4 - 4, 8 + 2 + 2) + (2, 4)
  const Tensor slope = grad(l, w["theta"]);
  CHECK(slope.at(0) == Approx(2).epsilon(1e-14));
  CHECK(slope.at(1) == Approx(16).epsilon(1e-14));
  CHECK(f.objective_with(w, penalty, Key{}).item() == Approx(6.25).epsilon(1e-14));
}

TEST_CASE("ridge: its optimum, and a penalty that cannot be") {
  const OptimizeeInstance f = Ridge{}.sample(Key{1}, DType::f64);
  Tape tape;
  const Bound w = bind(tape, Params({{"theta", Tensor({2}, {10. / 11, 0.})}}));
  const Tensor slope = grad(f.loss(w, Key{}), w["theta"]);
  CHECK(std::abs(slope.at(0)) < 1e-14);
  CHECK(std::abs(slope.at(1)) < 1e-14);
  CHECK(f.objective(w, Key{}).item() == Approx(0.25826446281).epsilon(1e-10));
  CHECK_THROWS_AS(Ridge{.penalty = -1}.sample(Key{1}), DataError);
}
