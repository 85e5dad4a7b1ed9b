// clip_schedule_test.cpp: gradients held to a size, and factors on the learning rate by step.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/autodiff/check.hpp"
#include "metatape/metalearn/optimizers/clip.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// Norm 5 over both tensors.
Params three_four() { return Params({{"a", Tensor({1}, {3.0})}, {"b", Tensor({2}, {0.0, -4.0})}}); }

}  // namespace

TEST_CASE("clipping by norm scales all tensors alike, and only where needed", "[clip]") {
  Params g = three_four();
  CHECK(clip_by_norm(g, 5) == Approx(5));
  CHECK(identical(g, three_four()));
  CHECK(clip_by_norm(g, 2.5) == Approx(5));
  CHECK(g.flat().to_vector() == std::vector<double>{1.5, 0, -2});
  Params nothing({{"a", Tensor({2}, {0.0, 0.0})}});
  CHECK(clip_by_norm(nothing, 1) == 0);
  CHECK(nothing.flat().to_vector() == std::vector<double>{0, 0});
}

TEST_CASE("clipping by value holds each element", "[clip]") {
  Params g = three_four();
  clip_by_value(g, 3.5);
  CHECK(g.flat().to_vector() == std::vector<double>{3, 0, -3.5});
}

TEST_CASE("recorded clipping is the plain one, and finite where the gradient is 0", "[clip]") {
  for (const double most : {1.0, 2.5, 5.0, 100.0}) {
    Tape tape;
    const Bound g = bind(tape, three_four());
    Params by_norm = three_four(), by_value = three_four();
    clip_by_norm(by_norm, most);
    clip_by_value(by_value, most);
    const Params recorded = clip_by_norm(g, most).value();
    for (std::int64_t i = 0; i < 3; ++i)
      CHECK(std::abs(recorded.flat().at(i) - by_norm.flat().at(i)) <= 1e-15);
    CHECK(identical(clip_by_value(g, most).value(), by_value));
  }
  Tape tape;
  const Bound zero = bind(tape, Params({{"a", Tensor({2}, {0.0, 0.0})}}));
  const Params slope = grad(sum(clip_by_norm(zero, 1).flat()), zero);
  CHECK(slope.flat().to_vector() == std::vector<double>{1, 1});
}

TEST_CASE("gradients go through recorded clipping", "[clip]") {
  const std::vector<Tensor> inputs{Tensor({3}, {3.0, 0.5, -4.0})};
  const auto layout = three_four().layout();
  for (const double most : {1.0, 100.0}) {
    const CheckResult norm = check_gradients(
        [&](std::span<const Var> x) { return clip_by_norm(Bound(layout, x[0]), most).flat(); },
        inputs);
    CHECK(norm.first_order <= 1e-7);
    CHECK(norm.second_order <= 1e-5);
    const CheckResult value = check_gradients(
        [&](std::span<const Var> x) { return clip_by_value(Bound(layout, x[0]), most).flat(); },
        inputs);
    CHECK(value.first_order <= 1e-7);
  }
}

TEST_CASE("a limit that is not positive is refused", "[clip]") {
  Params g = three_four();
  REQUIRE_THROWS_WITH(clip_by_norm(g, 0), "clip_by_norm: limit 0.000000: more than 0 is needed");
  REQUIRE_THROWS_WITH(clip_by_value(g, -1),
                      "clip_by_value: limit -1.000000: more than 0 is needed");
  REQUIRE_THROWS_AS(clip_by_norm(g, std::numeric_limits<double>::quiet_NaN()), DataError);
  CHECK(identical(g, three_four()));
}

TEST_CASE("schedules by hand, and at their ends", "[schedule]") {
  CHECK(Schedule{}(0) == 1);
  CHECK(Schedule{}(1000000) == 1);

  const Schedule c = cosine(8, 0.2);
  CHECK(c(0) == 1);
  CHECK(c(2) == Approx(0.2 + 0.8 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(c(4) == Approx(0.6));
  CHECK(c(8) == Approx(0.2));
  CHECK(c(1000) == Approx(0.2));

  const Schedule l = linear(4, 0.2);
  CHECK(l(0) == 1);
  CHECK(l(1) == Approx(0.8));
  CHECK(l(4) == Approx(0.2));
  CHECK(l(9) == Approx(0.2));

  const Schedule d = step_decay(3, 0.5);
  CHECK(d(0) == 1);
  CHECK(d(2) == 1);
  CHECK(d(3) == 0.5);
  CHECK(d(8) == 0.25);

  const Schedule w = warm_up(4, linear(2));
  CHECK(w(0) == 0.25);
  CHECK(w(3) == 1);
  CHECK(w(4) == 1);
  CHECK(w(5) == 0.5);
  CHECK(w(6) == 0);
  CHECK(warm_up(1)(0) == 1);
  CHECK(warm_up(1)(7) == 1);
}

TEST_CASE("a schedule over no step is refused", "[schedule]") {
  REQUIRE_THROWS_WITH(cosine(0), "schedule cosine: 0 steps: at least 1 is needed");
  REQUIRE_THROWS_WITH(linear(-1), "schedule linear: -1 steps: at least 1 is needed");
  REQUIRE_THROWS_WITH(step_decay(0), "schedule step_decay: 0 steps: at least 1 is needed");
  REQUIRE_THROWS_WITH(warm_up(0), "schedule warm_up: 0 steps: at least 1 is needed");
}
