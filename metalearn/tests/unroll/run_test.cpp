// Runs: bits on any number of threads, order of coordinates, divergence, windows, refusals, and
// problems of one's own minimised.
#include <cmath>

#include "catch.hpp"
#include "metatape/metalearn.hpp"
#include "problems.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

std::vector<AnyOptimizer> learned() {
  return {LstmOptimizer{.hidden = 6}, RnnProp{.hidden = 6},
          LstmOptimizer{.hidden = 6, .global = 2}};
}

Unrolled run(const tasks::OptimizeeInstance& f, const AnyOptimizer& o, const UnrollOptions& options,
             Threads* threads = nullptr) {
  const Key key{3};
  const Params phi = o.phi(f.initial.dtype());
  return unroll(f, o, phi, start_of(f, o, phi, key), key, options, threads);
}

}  // namespace

TEST_CASE("an unroll has the same bits on any number of threads", "[unroll]") {
  const auto f = problems::quadratics(64, 40, Key{4}, DType::f32);
  for (const AnyOptimizer& o : learned())
    for (const Order order : {Order::first, Order::exact}) {
      const UnrollOptions options{.steps = 6, .order = order};
      const Unrolled alone = run(f, o, options);
      REQUIRE(!alone.diverged);
      for (const int n : {1, 2, 3}) {
        Threads threads(n);
        UnrollScratch scratch(&threads);
        const Params phi = o.phi(DType::f32);
        const Key key{3};
        for (int again = 0; again < 2; ++again) {
          const Unrolled r = unroll(f, o, phi, start_of(f, o, phi, key), key, options, scratch);
          CHECK(r.loss == alone.loss);
          CHECK(identical(r.gradient, alone.gradient));
          CHECK(identical(r.theta_gradient, alone.theta_gradient));
          CHECK(identical(r.end.theta, alone.end.theta));
          CHECK(identical(r.end.state, alone.end.state));
        }
      }
    }
}

TEST_CASE("the order of coordinates does not matter", "[unroll]") {
  constexpr std::int64_t n = 701;
  const Tensor a = normal({n}, Key{1}), curvature = uniform({n}, Key{2}, 0.1, 2);
  Indices order = argsort(Tape().constant(normal({n}, Key{3})));
  const auto problem = [&](bool permuted) {
    const auto placed = [&](const Tensor& x) {
      Tape tape;
      return permuted ? gather(tape.constant(x), order).value() : x;
    };
    const Tensor start = placed(a), h = placed(curvature);
    return tasks::optimizee(Params({{"x", start}}),
                            [=](const Bound& p, Key) { return 0.5 * sum(square(p["x"]) * h); });
  };
  for (const AnyOptimizer& o : learned()) {
    if (!o.coordinatewise()) continue;
    const Minimised plain = minimise(problem(false), o, {.steps = 10});
    const Minimised moved = minimise(problem(true), o, {.steps = 10});
    Tape tape;
    const Tensor back = gather(tape.constant(plain.params["x"]), order).value();
    CHECK(identical(back, moved.params["x"]));
  }
}

TEST_CASE("a run cut in windows goes the same way", "[unroll]") {
  const auto f = problems::net(Key{5}, DType::f64);
  for (const AnyOptimizer& o : learned()) {
    const Params phi = o.phi(DType::f64);
    const Key key{3};
    RunState at = start_of(f, o, phi, key);
    const Unrolled whole = unroll(f, o, phi, at, key, {.steps = 12});
    std::vector<double> losses;
    for (int w = 0; w < 3; ++w) {
      const Unrolled part = unroll(f, o, phi, at, key, {.steps = 4});
      losses.insert(losses.end(), part.losses.begin() + (w > 0 ? 1 : 0), part.losses.end());
      at = part.end;
    }
    CHECK(losses == whole.losses);
    CHECK(at.step == 12);
    CHECK(identical(at.theta, whole.end.theta));
    CHECK(identical(at.state, whole.end.state));
  }
}

TEST_CASE("windows run in the memory of the first", "[unroll]") {
  const auto f = problems::quadratics(16, 10, Key{4}, DType::f32);
  for (const AnyOptimizer& o : learned())
    for (const Pass pass : {Pass::automatic, Pass::checkpointed, Pass::recorded}) {
      UnrollScratch scratch;
      const Params phi = o.phi();
      RunState at = start_of(f, o, phi, Key{});
      std::size_t reserved = 0;
      for (int window = 0; window < 5; ++window) {
        at = unroll(f, o, phi, at, Key{}, {.steps = 4, .pass = pass}, scratch).end;
        CHECK(scratch.tape(0).size() == 0);
        if (window == 0) reserved = scratch.tape(0).memory().reserved;
      }
      CHECK(scratch.tape(0).memory().reserved == reserved);
    }
}

TEST_CASE("globally averaged cells couple a function's coordinates, not functions", "[unroll]") {
  const AnyOptimizer o = LstmOptimizer{.hidden = 4, .global = 2};
  CHECK(!o.coordinatewise());
  const auto together = problems::quadratics(2, 3, Key{9}, DType::f64);
  const Unrolled both = run(together, o, {.steps = 5});
  // The first function alone: the other's coordinates were never read.
  auto other = together;
  const Tensor theta = together.initial["theta"];
  Tensor changed = theta;
  for (std::size_t i = 3; i < 6; ++i) changed.mutable_values<double>()[i] += 0.5;
  other.initial = Params({{"theta", changed}});
  const Unrolled moved = run(other, o, {.steps = 5});
  for (std::int64_t i = 0; i < 3; ++i)
    CHECK(both.end.theta.flat().at(i) == moved.end.theta.flat().at(i));
  CHECK(both.end.theta.flat().at(4) != moved.end.theta.flat().at(4));
  // And it is not what the plain net does.
  const Unrolled plain = run(together, LstmOptimizer{.hidden = 4}, {.steps = 5});
  CHECK(plain.end.theta.flat().at(0) != both.end.theta.flat().at(0));

  auto flat = together;
  flat.initial = Params({{"theta", theta.reshape({6})}});
  flat.loss = [](const Bound& p, Key) { return sum(square(reshape(p["theta"], Shape{2, 3})), 1); };
  REQUIRE_THROWS_WITH(run(flat, o, {.steps = 5}),
                      "lstm: 'theta' is [6]: with globally averaged cells 2 functions must be its "
                      "leading axis");
}

TEST_CASE("a run that diverges says at which step", "[unroll]") {
  const auto problem = tasks::optimizee(Params({{"x", Tensor({}, {1.0f})}}),
                                        [](const Bound& p, Key) { return square(p["x"]); });
  const AnyOptimizer wild = Sgd{.learning_rate = 1e5};  // x grows 2e5-fold a step
  const Minimised run = minimise(problem, wild, {.steps = 50});
  REQUIRE(run.diverged == 4);
  CHECK(run.losses.size() == 5);
  CHECK(std::isinf(run.losses.back()));
  for (const Pass pass : {Pass::recorded, Pass::checkpointed, Pass::blockwise})
    for (const std::int64_t window : {0, 2}) {
      const Unrolled r =
          meta_gradient(problem, wild, {.steps = 50, .truncation = window, .pass = pass});
      CHECK(r.diverged == 4);
      CHECK(r.gradient.norm() == 0);
      CHECK(std::isinf(r.loss));
    }
  const Unrolled exact =
      meta_gradient(problem, wild, {.steps = 50, .order = Order::exact, .pass = Pass::recorded});
  CHECK(exact.diverged == 4);
}

TEST_CASE("unrolls that cannot be are refused", "[unroll]") {
  const auto f = problems::quadratics(2, 3, Key{9}, DType::f64);
  const AnyOptimizer coupled = LstmOptimizer{.hidden = 4, .global = 2};
  REQUIRE_THROWS_WITH(run(f, coupled, {.pass = Pass::blockwise}),
                      "unroll: no blockwise pass of lstm: its coordinates see each other");
  REQUIRE_THROWS_WITH(run(f, Sgd{}, {.order = Order::exact, .pass = Pass::blockwise}),
                      "unroll: no blockwise pass in exact order: the Hessian couples coordinates");
  REQUIRE_THROWS_WITH(run(f, Sgd{}, {.steps = 0}), "unroll: 0 steps: at least 1 is needed");
  const AnyOptimizer o = Sgd{};
  REQUIRE_THROWS_WITH(unroll(f, o, o.phi(DType::f32), start_of(f, o, o.phi(DType::f64), Key{}),
                             Key{}, {.steps = 2}),
                      "unroll: phi is f32, theta f64: they do not mix");
  auto scalar = f;
  scalar.loss = [](const Bound& p, Key) { return sum(square(p["theta"])); };
  REQUIRE_THROWS_WITH(run(scalar, o, {.steps = 2}),
                      "unroll: the loss is [], of 2 functions side by side");
}

namespace {

// Nesterov's momentum as it was first written: the gradient is taken at θ + momentum v.
struct LookAhead {
  std::string name() const { return "look ahead"; }
  Params phi(DType dtype) const { return Params({{"rates", Tensor({2}, {.05, .8}).to(dtype)}}); }
  Params init(const Params&, const Params& theta, Key) const {
    return Params({{"v", Tensor::zeros({theta.size()}, theta.dtype())}});
  }
  Bound query(const Bound& phi, const Bound& theta, const Bound& state) const {
    return {theta.layout(), theta.flat() + row(phi["rates"], 1) * state["v"]};
  }
  OptimizerOutput step(const Bound& phi, const OptimizerInput& in, const Bound& state) const {
    const Var v = row(phi["rates"], 1) * state["v"] - row(phi["rates"], 0) * in.gradient.flat();
    return {Bound(in.theta.layout(), v), Bound(state.layout(), std::vector<Var>{v})};
  }
};

}  // namespace

TEST_CASE("an optimizer may take its gradient elsewhere than at theta", "[unroll]") {
  const auto f = problems::quadratics(1, 3, Key{2}, DType::f64);
  const AnyOptimizer o = LookAhead{};
  const Params phi = o.phi(DType::f64);
  const auto value = [&](const Params& numbers) {
    return unroll(f, o, numbers, start_of(f, o, numbers, Key{}), Key{},
                  {.steps = 5, .gradient = false})
        .loss;
  };
  const Unrolled exact = run(f, o, {.steps = 5, .order = Order::exact});
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto at = [&](double h) {
      Params moved = phi;
      moved.flat().mutable_values<double>()[static_cast<std::size_t>(i)] += h;
      return value(moved);
    };
    const double h = 1e-4, numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    CHECK(exact.gradient.flat().at(i) == Approx(numeric).epsilon(1e-7));
  }
  const Unrolled plain = run(f, o, {.steps = 5, .pass = Pass::recorded});
  const Unrolled kept = run(f, o, {.steps = 5, .pass = Pass::checkpointed});
  CHECK(problems::distance(kept.gradient, plain.gradient) < 1e-12);
  CHECK(problems::distance(kept.theta_gradient, plain.theta_gradient) < 1e-12);
  REQUIRE_THROWS_AS(run(f, o, {.order = Order::exact, .pass = Pass::checkpointed}), DataError);
}

namespace {

// A rate that is the loss: θ' = θ - φ f ∇.
struct ByLoss {
  std::string name() const { return "by loss"; }
  static constexpr bool coordinatewise = true;
  Params phi(DType dtype) const { return Params({{"rate", Tensor({}, {.01}).to(dtype)}}); }
  Params init(const Params&, const Params& theta, Key) const {
    return Params::zeros(std::make_shared<const Layout>(), theta.dtype());
  }
  OptimizerOutput step(const Bound& phi, const OptimizerInput& in, const Bound& state) const {
    return {Bound(in.theta.layout(), -(phi["rate"] * in.loss) * in.gradient.flat()), state};
  }
};

// Few-shot learning in small: steps on one loss, judged by another, which counts its calls.
tasks::OptimizeeInstance apart(const std::shared_ptr<int>& calls) {
  tasks::OptimizeeInstance f = problems::quadratics(2, 3, Key{2}, DType::f64);
  f.objective = [calls, other = problems::quadratics(2, 3, Key{8}, DType::f64).loss](const Bound& p,
                                                                                     Key key) {
    ++*calls;
    return other(p, key);
  };
  return f;
}

}  // namespace

TEST_CASE("an optimizer reads the loss that its gradient is of, not what is judged", "[unroll]") {
  const auto f = apart(std::make_shared<int>());
  const AnyOptimizer o = ByLoss{};
  Params theta = f.initial;
  Tape tape;
  for (int t = 0; t < 3; ++t) {
    const Tape::Scope scope(tape);
    const Bound b = bind(tape, theta);
    const Var loss = sum(f.loss(b, Key{}));
    theta.add_scaled(-.01 * loss.item(), grad(loss, b));
  }
  for (const Order order : {Order::first, Order::exact})
    for (const Pass pass : {Pass::recorded, Pass::checkpointed, Pass::automatic}) {
      const Unrolled r = run(f, o, {.steps = 3, .order = order, .pass = pass});
      CHECK(problems::distance(r.end.theta, theta) < 1e-14);
    }
}

TEST_CASE("judged at its end alone, a run has the gradients of the final loss", "[unroll]") {
  const auto calls = std::make_shared<int>();
  const auto plain = problems::quadratics(2, 3, Key{2}, DType::f64);
  for (const bool judged_apart : {true, false})
    for (const AnyOptimizer& o :
         {AnyOptimizer(LstmOptimizer{.hidden = 4}), AnyOptimizer(MetaLstm{.hidden = 4}),
          AnyOptimizer(AdamW{}), AnyOptimizer(ByLoss{}), AnyOptimizer(LookAhead{})})
      for (const Order order : {Order::first, Order::exact})
        for (const Pass pass : {Pass::recorded, Pass::checkpointed, Pass::automatic}) {
          if (order == Order::exact && o.queries() && pass == Pass::checkpointed) continue;
          INFO(o.name() << ", pass " << static_cast<int>(pass) << ", order "
                        << static_cast<int>(order));
          const auto f = judged_apart ? apart(calls) : plain;
          const Unrolled all =
              run(f, o, {.steps = 5, .order = order, .pass = pass, .objective = final_loss()});
          *calls = 0;
          const Unrolled end =
              run(f, o, {.steps = 5, .order = order, .pass = pass, .judge_end = true});
          CHECK(*calls == (judged_apart ? 1 : 0));
          CHECK(end.loss == all.loss);
          CHECK(end.losses == std::vector<double>{all.losses.back()});
          CHECK(identical(end.end.theta, all.end.theta));
          CHECK(problems::distance(end.gradient, all.gradient) < 1e-14);
          CHECK(problems::distance(end.theta_gradient, all.theta_gradient) < 1e-14);
          CHECK(end.gradient.norm() > 0);
        }
  REQUIRE_THROWS_WITH(run(plain, Sgd{}, {.objective = final_loss(), .judge_end = true}),
                      "unroll: judge_end is an objective of its own: none may stand beside it");
  const auto diverging = tasks::optimizee(Params({{"x", Tensor({}, {1.0f})}}),
                                          [](const Bound& p, Key) { return square(p["x"]); });
  for (const Pass pass : {Pass::recorded, Pass::blockwise, Pass::checkpointed}) {
    const Unrolled r = run(diverging.sample(Key{}), Sgd{.learning_rate = 1e5},
                           {.steps = 50, .pass = pass, .judge_end = true});
    CHECK(r.diverged == 4);
    CHECK(r.losses.empty());
  }
}
