// Three ways to one gradient, in both orders and types; against central differences of the run and
// of the run with frozen gradients; the closed cases of gradients through optimization.
#include <array>
#include <cmath>

#include "catch.hpp"
#include "metatape/metalearn.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;
using problems::distance;

namespace {

Unrolled run(const tasks::OptimizeeInstance& f, const AnyOptimizer& o, const Params& phi,
             const UnrollOptions& options) {
  const Key key{3};
  return unroll(f, o, phi, start_of(f, o, phi, key), key, options);
}

bool reads_loss(const AnyOptimizer& o) { return o.name() == MetaLstm::kind; }

bool learned(const AnyOptimizer& o) {
  return o.name() == "lstm" || o.name() == "rnnprop" || reads_loss(o);
}

// Larger first weights than usual, so that gates and updates are far from zero.
Params lively(const AnyOptimizer& o, DType dtype) {
  Params phi = o.phi(dtype);
  if (learned(o)) phi.add_scaled(0.2, Params(phi.layout(), normal({phi.size()}, Key{77}, dtype)));
  return phi;
}

// A direction in φ; rates move in proportion.
Params direction_in(const AnyOptimizer& o, const Params& phi) {
  Params d(phi.layout(), normal({phi.size()}, Key{8}, DType::f64));
  if (!learned(o))
    for (std::size_t i = 0; i < static_cast<std::size_t>(phi.size()); ++i)
      d.flat().mutable_values<double>()[i] *= phi.flat().values<double>()[i];
  return d;
}

std::vector<AnyOptimizer> optimizers() {
  return {LstmOptimizer{.hidden = 5, .scale = 0.3},
          LstmOptimizer{.layers = 1, .hidden = 7, .input = GradientInput::raw, .forget_bias = 0},
          LstmOptimizer{.layers = 0},
          LstmOptimizer{.hidden = 3, .groups = {"*.bias", "out.*"}},
          RnnProp{.hidden = 4},
          MetaLstm{.hidden = 5},
          Sgd{.learning_rate = 0.05},
          Momentum{.learning_rate = 0.02},
          Adam{.learning_rate = 0.03},
          AdamW{.learning_rate = 0.03, .weight_decay = 0.2}};
}

Unrolled shifted(const tasks::OptimizeeInstance& f, const AnyOptimizer& o, const Params& phi,
                 const UnrollOptions& options, const Params& direction, double h) {
  Params moved = phi;
  moved.add_scaled(h, direction);
  UnrollOptions only = options;
  only.gradient = false;
  return run(f, o, moved, only);
}

}  // namespace

TEST_CASE("the passes of an unroll agree", "[unroll]") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const double bound = dtype == DType::f32 ? 1e-5 : 1e-12;
    for (const AnyOptimizer& o : optimizers())
      for (const bool net : {false, true}) {
        const auto f =
            net ? problems::net(Key{5}, dtype) : problems::quadratics(9, 8, Key{5}, dtype);
        Params phi = o.phi(dtype);
        INFO(o.spec() << (net ? " net" : " quadratics") << (dtype == DType::f32 ? " f32" : " f64"));
        for (const bool start : {false, true}) {
          const UnrollObjective l = sum_of_losses({.count_start = start});
          const Unrolled plain =
              run(f, o, phi, {.steps = 7, .pass = Pass::recorded, .objective = l});
          for (const Pass pass : {Pass::checkpointed, Pass::blockwise, Pass::automatic})
            for (const std::int64_t block : {0, 13}) {
              const Unrolled other =
                  run(f, o, phi, {.steps = 7, .pass = pass, .objective = l, .block = block});
              CHECK(other.loss == plain.loss);
              CHECK(other.losses == plain.losses);
              CHECK(identical(other.end.theta, plain.end.theta));
              CHECK(identical(other.end.state, plain.end.state));
              CHECK(distance(other.gradient, plain.gradient) < bound);
              CHECK(distance(other.theta_gradient, plain.theta_gradient) < bound);
            }
        }
        const Unrolled plain =
            run(f, o, phi, {.steps = 5, .order = Order::exact, .pass = Pass::recorded});
        const Unrolled other =
            run(f, o, phi, {.steps = 5, .order = Order::exact, .pass = Pass::checkpointed});
        CHECK(other.loss == Approx(plain.loss));
        CHECK(distance(other.gradient, plain.gradient) < bound);
        CHECK(distance(other.theta_gradient, plain.theta_gradient) < bound);
      }
  }
}

TEST_CASE("a long run goes back in segments", "[unroll]") {
  const auto f = problems::quadratics(2, 3, Key{5}, DType::f64);
  for (const AnyOptimizer& o : optimizers())
    for (const std::int64_t steps : {40, 41, 95}) {
      const Params phi = o.phi(DType::f64);
      INFO(o.spec() << ", " << steps << " steps");
      const Unrolled plain = run(f, o, phi, {.steps = steps, .pass = Pass::recorded});
      const Unrolled blocks = run(f, o, phi, {.steps = steps, .pass = Pass::blockwise});
      REQUIRE(!plain.diverged);
      CHECK(distance(blocks.gradient, plain.gradient) < 1e-12);
      CHECK(distance(blocks.theta_gradient, plain.theta_gradient) < 1e-12);
    }
}

TEST_CASE("the exact gradient is the derivative of the run", "[unroll]") {
  for (const AnyOptimizer& o : optimizers())
    for (const bool net : {false, true}) {
      if (reads_loss(o)) continue;  // the loss that it reads is a constant in both orders
      const auto f =
          net ? problems::net(Key{6}, DType::f64) : problems::quadratics(1, 3, Key{6}, DType::f64);
      const Params phi = lively(o, DType::f64);
      INFO(o.spec() << (net ? " net" : " quadratics"));
      const UnrollOptions options{.steps = 5, .order = Order::exact};
      const Unrolled r = run(f, o, phi, options);
      REQUIRE(!r.diverged);
      const Params direction = direction_in(o, phi);
      const double h = 1e-5;
      const auto at = [&](double s) { return shifted(f, o, phi, options, direction, s * h).loss; };
      // Four points: the error is of the fourth power of h.
      const double numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
      CHECK(r.gradient.dot(direction) == Approx(numeric).epsilon(1e-7));

      const Params along(f.initial.layout(), normal({f.initial.size()}, Key{9}, DType::f64));
      const auto from = [&](double s) {
        tasks::OptimizeeInstance moved = f;
        moved.initial.add_scaled(s * h, along);
        return run(moved, o, phi, {.steps = 5, .gradient = false}).loss;
      };
      const double of_theta = (8 * (from(1) - from(-1)) - (from(2) - from(-2))) / (12 * h);
      CHECK(r.theta_gradient.dot(along) == Approx(of_theta).epsilon(1e-7));
    }
}

// L with ∇_1 .. ∇_T, and the losses that are read, handed in: what the first-order gradient is the
// derivative of.
TEST_CASE("the first-order gradient is the derivative of the run with frozen gradients",
          "[unroll]") {
  for (const AnyOptimizer& o : optimizers())
    for (const bool net : {false, true}) {
      const auto f =
          net ? problems::net(Key{6}, DType::f64) : problems::quadratics(1, 3, Key{6}, DType::f64);
      const Params phi = lively(o, DType::f64);
      INFO(o.spec() << (net ? " net" : " quadratics"));
      const Key key{3};
      constexpr std::int64_t steps = 5;
      Tape tape;
      std::vector<Params> frozen;
      std::vector<double> losses;
      const auto surrogate = [&](const Params& numbers, const Params& start) {
        const Tape::Scope scope(tape);
        const Bound p = bind_constant(tape, numbers);
        Bound theta = bind_constant(tape, start);
        const Params first = o.init(numbers, start, key);
        Bound state = first.empty() ? Bound{} : bind_constant(tape, first);
        double l = 0;
        for (std::int64_t t = 0; t < steps; ++t) {
          const Key at = key.split("step", static_cast<std::uint64_t>(t));
          if (frozen.size() == static_cast<std::size_t>(t)) {
            const Bound b = bind(tape, theta.value());
            const Var loss = sum(f.loss(b, at));
            frozen.push_back(grad(loss, b));
            losses.push_back(loss.item());
          }
          OptimizerOutput out =
              o.step(p,
                     {.theta = theta,
                      .gradient = bind_constant(tape, frozen[static_cast<std::size_t>(t)]),
                      .loss = tape.constant(losses[static_cast<std::size_t>(t)], DType::f64),
                      .step = t},
                     state);
          theta = theta + out.updates;
          state = out.state;
          const Key next = key.split("step", static_cast<std::uint64_t>(t + 1));
          l += sum(f.loss(theta, next)).item();
        }
        return l;
      };
      const double value = surrogate(phi, f.initial);
      const Unrolled r = run(f, o, phi, {.steps = steps});
      CHECK(r.loss == Approx(value).epsilon(1e-12));
      const Params direction = direction_in(o, phi);
      const auto at = [&](double h) {
        Params moved = phi;
        moved.add_scaled(h, direction);
        return surrogate(moved, f.initial);
      };
      const double h = 1e-5, numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      CHECK(r.gradient.dot(direction) == Approx(numeric).epsilon(1e-7));

      const Params along(f.initial.layout(), normal({f.initial.size()}, Key{9}, DType::f64));
      const auto from = [&](double s) {
        Params moved = f.initial;
        moved.add_scaled(s, along);
        return surrogate(phi, moved);
      };
      const double of_theta = (8 * (from(h) - from(-h)) - (from(2 * h) - from(-2 * h))) / (12 * h);
      CHECK(r.theta_gradient.dot(along) == Approx(of_theta).epsilon(1e-7));
    }
}

TEST_CASE("on a linear function both orders agree", "[unroll]") {
  for (const AnyOptimizer& o : optimizers()) {
    if (o.reads_theta()) continue;
    tasks::OptimizeeInstance f = problems::quadratics(1, 6, Key{2}, DType::f64);
    f.loss = [](const Bound& p, Key key) {
      return sum(p["theta"] * normal({1, 6}, key.split("a"), DType::f64));
    };
    INFO(o.spec());
    const Params phi = lively(o, DType::f64);
    for (const Pass pass : {Pass::recorded, Pass::checkpointed}) {
      const Unrolled a = run(f, o, phi, {.steps = 6, .pass = pass});
      const Unrolled b = run(f, o, phi, {.steps = 6, .order = Order::exact, .pass = pass});
      CHECK(a.loss == b.loss);
      CHECK(distance(a.gradient, b.gradient) < 1e-15);
      if (pass == Pass::checkpointed) CHECK(identical(a.gradient, b.gradient));
    }
  }
}

namespace {

// θ' = θ - φ_1 ∇ - φ_2 h', h' = .9 h + ∇
struct TwoRates {
  static constexpr bool coordinatewise = true;
  std::string name() const { return "two rates"; }
  Params phi(DType dtype) const { return Params({{"phi", Tensor({2}, {.1, .05}).to(dtype)}}); }
  Params init(const Params&, const Params& theta, Key) const {
    return Params({{"h", Tensor::zeros({theta.size()}, theta.dtype())}});
  }
  OptimizerOutput step(const Bound& phi, const OptimizerInput& in, const Bound& state) const {
    const Var g = in.gradient.flat(), h = .9 * state["h"] + g;
    const Var moved = -(row(phi["phi"], 0) * g) - row(phi["phi"], 1) * h;
    return {Bound(in.theta.layout(), moved), Bound(state.layout(), std::vector<Var>{h})};
  }
};

}  // namespace

TEST_CASE("the two recursions give the numbers that they are known to", "[unroll]") {
  tasks::OptimizeeInstance f;
  f.initial = Params({{"x", Tensor({2}, {1.0, -.7})}});
  f.loss = [](const Bound& p, Key) {
    const Var x = p["x"];
    return .25 * sum(pow(x, 4)) + .5 * row(x, 0) * row(x, 1);
  };
  const AnyOptimizer o = TwoRates{};
  const Params phi = o.phi(DType::f64);
  for (const Pass pass : {Pass::recorded, Pass::checkpointed, Pass::automatic}) {
    const Unrolled exact = run(f, o, phi, {.steps = 6, .order = Order::exact, .pass = pass});
    CHECK(exact.loss == Approx(-0.69465721181).epsilon(1e-10));
    CHECK(exact.gradient.flat().at(0) == Approx(-0.47387226442).epsilon(1e-10));
    CHECK(exact.gradient.flat().at(1) == Approx(-0.090858813542).epsilon(1e-10));
    const Unrolled first = run(f, o, phi, {.steps = 6, .pass = pass});
    CHECK(first.gradient.flat().at(0) == Approx(-0.16391893238).epsilon(1e-10));
    CHECK(first.gradient.flat().at(1) == Approx(0.68149303252).epsilon(1e-10));
  }
}

TEST_CASE("gradient descent on a parabola, in windows and whole", "[unroll]") {
  const auto problem = tasks::optimizee(Params({{"x", Tensor({}, {1.0})}}),
                                        [](const Bound& p, Key) { return square(p["x"]); });
  const AnyOptimizer o = Sgd{.learning_rate = .1};
  const auto at = [&](std::int64_t window, Order order) {
    return meta_gradient(problem, o,
                         {.steps = 20, .truncation = window, .order = order, .dtype = DType::f64})
        .gradient["learning_rate"]
        .item();
  };
  CHECK(at(0, Order::exact) == Approx(-24.6644452603).epsilon(1e-10));
  CHECK(at(0, Order::first) == Approx(-43.5268333847).epsilon(1e-10));
  const std::array<std::array<double, 3>, 4> table{{{1, -8.88770735289, -8.88770735289},
                                                    {2, -12.356080954, -13.2231743543},
                                                    {5, -19.3425533009, -24.6966445099},
                                                    {10, -23.6514415051, -36.682537997}}};
  for (const auto& [window, exact, first] : table) {
    CHECK(at(static_cast<std::int64_t>(window), Order::exact) == Approx(exact).epsilon(1e-10));
    CHECK(at(static_cast<std::int64_t>(window), Order::first) == Approx(first).epsilon(1e-10));
  }
  const auto last = [&](Order order, const UnrollObjective& l) {
    return meta_gradient(problem, o,
                         {.steps = 10, .order = order, .objective = l, .dtype = DType::f64});
  };
  CHECK(last(Order::exact, final_loss()).gradient.flat().at(0) ==
        Approx(-0.576460752303).epsilon(1e-10));
  CHECK(last(Order::first, final_loss()).gradient.flat().at(0) ==
        Approx(-1.91689934708).epsilon(1e-10));
  CHECK(last(Order::exact, log_ratio()).gradient.flat().at(0) == Approx(-5).epsilon(1e-10));
  CHECK(last(Order::exact, mean_log_ratio()).gradient.flat().at(0) == Approx(-27.5).epsilon(1e-10));
  CHECK(last(Order::exact, final_loss()).losses.back() == Approx(0.0115292150461).epsilon(1e-10));
}

TEST_CASE("objectives weigh steps and functions", "[unroll]") {
  const auto f = problems::quadratics(4, 3, Key{1}, DType::f64);
  const AnyOptimizer o = Momentum{.learning_rate = 0.01};
  const Params phi = o.phi(DType::f64);
  const std::vector<double> w{1, 0, 3, 0.5};
  const std::vector<UnrollObjective> objectives{
      sum_of_losses({.weights = w}), final_loss(), log_ratio(), mean_log_ratio(),
      [](Var losses, std::int64_t) { return max(losses) + sum(square(losses)); }};
  for (const UnrollObjective& l : objectives)
    for (const Order order : {Order::first, Order::exact}) {
      const Unrolled plain =
          run(f, o, phi, {.steps = 4, .order = order, .pass = Pass::recorded, .objective = l});
      const Unrolled other = run(f, o, phi, {.steps = 4, .order = order, .objective = l});
      CHECK(other.loss == Approx(plain.loss).epsilon(1e-13));
      CHECK(distance(other.gradient, plain.gradient) < 1e-12);
      CHECK(distance(other.theta_gradient, plain.theta_gradient) < 1e-12);
    }
  const Unrolled weighted = run(f, o, phi, {.steps = 4, .objective = objectives[0]});
  double l = 0;
  for (std::size_t t = 0; t < w.size(); ++t) l += w[t] * weighted.losses[t + 1];
  CHECK(weighted.loss == Approx(l));
  REQUIRE_THROWS_WITH(run(f, o, phi, {.steps = 5, .objective = objectives[0]}),
                      "unroll: 4 weights for a run that reaches step 5");
}

TEST_CASE("what is judged may be another function than what is minimised", "[unroll]") {
  auto f = problems::quadratics(2, 3, Key{1}, DType::f64);
  f.objective = [](const Bound& p, Key) { return sum(pow(p["theta"], 4), 1); };
  for (const AnyOptimizer& o : optimizers()) {
    INFO(o.spec());
    const Params phi = o.phi(DType::f64);
    for (const Order order : {Order::first, Order::exact}) {
      const Unrolled plain = run(f, o, phi, {.steps = 4, .order = order, .pass = Pass::recorded});
      const Unrolled other = run(f, o, phi, {.steps = 4, .order = order});
      CHECK(other.loss == Approx(plain.loss).epsilon(1e-13));
      CHECK(distance(other.gradient, plain.gradient) < 1e-12);
      CHECK(distance(other.theta_gradient, plain.theta_gradient) < 1e-12);
    }
  }
}
