// Gradients through inner steps: against closed cases, central differences, and each other.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/inner_loop.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// ½ θᵀHθ with H = [[3, 1], [1, 2]], and ½ |θ - b|² with b = (½, ½).
LossOf support_of_quadratic() {
  return [](const Bound& p) {
    const Var x = p["x"];
    return 0.5 * sum(x * reshape(matmul(x.tape().constant(Tensor({2, 2}, {3.0, 1.0, 1.0, 2.0})),
                                        reshape(x, Shape{2, 1})),
                                 Shape{2}));
  };
}
LossOf query_of_quadratic() {
  return [](const Bound& p) { return 0.5 * sum(square(p["x"] - 0.5)); };
}
Params start_of_quadratic() { return Params({{"x", Tensor({2}, {1.0, -2.0})}}); }

// A small curved model whose rates and weights are all in θ: tanh layers on three points.
struct Curved {
  Tensor x, y, z;
  Params theta;
  explicit Curved(bool rates, const InnerLoop& loop)
      : x(normal({3, 2}, Key{1}, DType::f64)),
        y(normal({3, 1}, Key{2}, DType::f64)),
        z(normal({3, 1}, Key{3}, DType::f64)),
        theta({{"a", normal({4, 2}, Key{4}, DType::f64)},
               {"c", normal({4}, Key{5}, DType::f64)},
               {"b", normal({1, 4}, Key{6}, DType::f64)}}) {
    if (rates) theta = with_rates(loop, theta);
  }
  [[nodiscard]] LossOf loss(const Tensor& targets) const {
    return [this, targets](const Bound& p) {
      const Var h = tanh(linear(p["a"].tape().constant(x), p["a"]) + p["c"]);
      return mean(square(linear(h, p["b"]) - targets));
    };
  }
};

double worst(const Params& a, const Params& b) {
  double w = 0;
  for (std::int64_t i = 0; i < a.size(); ++i)
    w = std::max(
        w, std::abs(a.flat().at(i) - b.flat().at(i)) / std::max(1.0, std::abs(b.flat().at(i))));
  return w;
}

// Central differences of f, coordinate by coordinate.
template <class F>
Params differences(const Params& theta, const F& f, double step = 1e-5) {
  Params d = theta.zeros_like();
  for (std::int64_t i = 0; i < theta.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    Params up = theta, down = theta;
    up.flat().mutable_values<double>()[at] += step;
    down.flat().mutable_values<double>()[at] -= step;
    d.flat().mutable_values<double>()[at] = (f(up) - f(down)) / (2 * step);
  }
  return d;
}

}  // namespace

TEST_CASE("two quadratics have the gradients in closed form", "[fewshot][maml]") {
  struct Case {
    int steps;
    std::vector<double> end, exact, first;
  };
  const std::vector<Case> cases{
      {1, {0.9, -1.7}, {0.5, -1.8}, {0.4, -2.2}},
      {3, {0.705, -1.24}, {0.370625, -0.96575}, {0.205, -1.74}},
  };
  Tape tape;
  for (const Case& c : cases) {
    InnerLoop loop{.steps = c.steps, .rate = 0.1};
    const Params start = start_of_quadratic();
    const Params end = descend(loop, tape, start, support_of_quadratic(), c.steps);
    const auto exact =
        through_steps(loop, tape, start, support_of_quadratic(), query_of_quadratic());
    loop.order = Order::first;
    const auto first =
        through_steps(loop, tape, start, support_of_quadratic(), query_of_quadratic());
    for (std::int64_t i = 0; i < 2; ++i) {
      const auto at = static_cast<std::size_t>(i);
      CHECK(end.flat().at(i) == Approx(c.end[at]).epsilon(1e-10));
      CHECK(exact.gradient.flat().at(i) == Approx(c.exact[at]).epsilon(1e-10));
      CHECK(first.gradient.flat().at(i) == Approx(c.first[at]).epsilon(1e-10));
    }
    CHECK(first.loss == exact.loss);
    CHECK(tape.size() == 0);
  }
}

TEST_CASE("implicit MAML finds the gradient of the inner minimum in closed form",
          "[fewshot][maml]") {
  // θ* = λ (H + λ)⁻¹ θ, so the gradient is λ (H + λ)⁻¹ (θ* - b); λ = 2: (H + λ)⁻¹ = [[4, -1], [-1,
  // 5]] / 19.
  const InnerLoop loop{.steps = 400, .rate = 0.1, .proximal = 2, .solver_steps = 2};
  Tape tape;
  const auto r =
      through_steps(loop, tape, start_of_quadratic(), support_of_quadratic(), query_of_quadratic());
  const double x = 2 * (4 * 1 + 2) / 19.0, y = 2 * (-1 - 10) / 19.0;
  CHECK(r.loss == Approx(0.5 * ((x - 0.5) * (x - 0.5) + (y - 0.5) * (y - 0.5))).epsilon(1e-10));
  CHECK(r.gradient.flat().at(0) == Approx(2 * (4 * (x - 0.5) - (y - 0.5)) / 19).epsilon(1e-10));
  CHECK(r.gradient.flat().at(1) == Approx(2 * (-(x - 0.5) + 5 * (y - 0.5)) / 19).epsilon(1e-10));
}

TEST_CASE("implicit gradients are central differences of the inner minimum", "[fewshot][maml]") {
  InnerLoop loop{.steps = 600, .rate = 0.2, .proximal = 3, .solver_steps = 40};
  for (const bool some : {false, true}) {
    INFO("only some tensors move: " << some);
    if (some) loop.moves = [](std::string_view name) { return name == "b"; };
    const Curved c(false, loop);
    Tape tape;
    const auto run = [&](const Params& theta) {
      return through_steps(loop, tape, theta, c.loss(c.y), c.loss(c.z));
    };
    const Params d = differences(c.theta, [&](const Params& theta) { return run(theta).loss; });
    CHECK(worst(run(c.theta).gradient, d) < 1e-6);
  }
}

TEST_CASE("gradients through steps are central differences", "[fewshot][maml]") {
  Tape tape;
  for (const bool rates : {false, true})
    for (const int steps : {0, 1, 4}) {
      INFO("learned rates " << rates << ", " << steps << " steps");
      InnerLoop loop{.steps = steps, .rate = 0.3, .learned_rates = rates};
      loop.moves = [](std::string_view name) { return name != "c"; };
      const Curved c(rates, loop);
      const auto run = [&](const Params& theta) {
        return through_steps(loop, tape, theta, c.loss(c.y), c.loss(c.z));
      };
      const Params d = differences(c.theta, [&](const Params& theta) { return run(theta).loss; });
      CHECK(worst(run(c.theta).gradient, d) < 1e-7);

      // First order: the steps' gradients are those at the true θ, whatever θ is.
      const Params fixed_end = descend(loop, tape, c.theta, c.loss(c.y), steps);
      loop.order = Order::first;
      const Params first = run(c.theta).gradient;
      const Params frozen = differences(c.theta, [&](const Params& theta) {
        Params moved = fixed_end;
        for (const ParamEntry& e : theta.entries()) {
          if (e.name == "rates") continue;
          Tensor t = fixed_end[e.name];
          for (std::size_t i = 0; i < static_cast<std::size_t>(e.shape.size()); ++i)
            t.mutable_values<double>()[i] += theta[e.name].at(static_cast<std::int64_t>(i)) -
                                             c.theta[e.name].at(static_cast<std::int64_t>(i));
          moved.set(e.name, t);
        }
        Tape own(Recording::off);
        return c.loss(c.z)(bind_constant(own, moved)).item();
      });
      for (const ParamEntry& e : c.theta.entries())
        if (e.name != "rates")
          CHECK(worst(Params({{"t", first[e.name]}}), Params({{"t", frozen[e.name]}})) < 1e-7);
      if (rates && steps == 1)  // one step's rate has no second derivative before it
        CHECK(worst(Params({{"t", first["rates"]}}), Params({{"t", d["rates"]}})) < 1e-7);
      if (steps == 4) CHECK(worst(first, d) > 1e-3);
    }
}

TEST_CASE("first order and exact agree where the Hessian vanishes", "[fewshot][maml]") {
  const LossOf flat = [](const Bound& p) { return sum(p["x"] * Tensor({2}, {0.7, -0.2})); };
  Tape tape;
  InnerLoop loop{.steps = 3, .rate = 0.1};
  const auto exact = through_steps(loop, tape, start_of_quadratic(), flat, query_of_quadratic());
  loop.order = Order::first;
  const auto first = through_steps(loop, tape, start_of_quadratic(), flat, query_of_quadratic());
  CHECK(identical(exact.gradient, first.gradient));
}

TEST_CASE("what does not move keeps its place and its own gradient", "[fewshot][maml]") {
  for (const double proximal : {0.0, 1.0})
    for (const Order order : {Order::first, Order::exact}) {
      const InnerLoop loop{.steps = 2,
                           .rate = 0.3,
                           .order = order,
                           .moves = [](std::string_view name) { return name == "b"; },
                           .proximal = proximal};
      const Curved c(false, loop);
      Tape tape;
      const Params end = descend(loop, tape, c.theta, c.loss(c.y), 2);
      CHECK(identical(end["a"], c.theta["a"]));
      CHECK(identical(end["c"], c.theta["c"]));
      CHECK_FALSE(identical(end["b"], c.theta["b"]));
      const auto r = through_steps(loop, tape, c.theta, c.loss(c.y), c.loss(c.z));
      CHECK(r.gradient["a"].size() == 8);
    }
}

TEST_CASE("an inner loop's nonsense is refused", "[fewshot][maml]") {
  Tape tape;
  const Params start = start_of_quadratic();
  REQUIRE_THROWS_WITH(
      through_steps({.steps = -1}, tape, start, support_of_quadratic(), query_of_quadratic()),
      Catch::Contains("-1 steps"));
  REQUIRE_THROWS_WITH(through_steps({.learned_rates = true, .proximal = 1}, tape, start,
                                    support_of_quadratic(), query_of_quadratic()),
                      Catch::Contains("implicit"));
}
