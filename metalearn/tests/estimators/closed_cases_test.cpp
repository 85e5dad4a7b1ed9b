// Numbers that are known in closed form, for every estimator: gradient descent on a bowl, coupled
// coordinates, momentum, the quartic with a memory, windows, random cuts, random signs.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks.hpp"
#include "printed.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

double rel(double found, double expected) {
  return std::abs(found - expected) / std::max(1e-300, std::abs(expected));
}

Dynamics run_of(const char* optimizee, const AnyOptimizer& o, const Params& phi, std::int64_t steps,
                RunObjective objective) {
  return minimisations(tasks::make_optimizee(optimizee), o,
                       {.steps = steps, .objective = objective})(phi, Key{1});
}

double by_rate(const AnyEstimator& e, const char* optimizee, double rate, std::int64_t steps,
               RunObjective objective) {
  const AnyOptimizer o = Sgd{.learning_rate = rate};
  const Params phi = o.phi(DType::f64);
  return estimate(e, run_of(optimizee, o, phi, steps, objective), phi).gradient.flat().at(0);
}

const Reverse exact{}, first{.order = Order::first};

std::vector<AnyEstimator> exact_ways() {
  return {exact,     Reverse{.segment = 1},      Reverse{.segment = 3},
          Forward{}, Forward{.answer_every = 2}, Artbp{.cut = 0}};
}

}  // namespace

TEST_CASE("gradient descent on a bowl: rates' gradients in closed form", "[estimators]") {
  struct Row {
    std::int64_t steps;
    double end, end_first, sum, sum_first;
  };
  const Row rows[] = {
      {1, -3.2, -3.2, -3.2, -3.2},
      {5, -2.68435456, -4.406116352, -17.26795776, -22.047793152},
      {10, -0.576460752303, -1.91689934708, -23.381866933, -36.2644374985},
      {20, -0.0132922799578, -0.22792584493, -24.6644452603, -43.5268333847},
      {100, -2.07475778444e-17, -4.07407195184e-09, -24.6913580247, -44.4444444281},
  };
  for (const Row& r : rows) {
    for (const AnyEstimator& e : exact_ways()) {
      INFO(e.name() << ", " << r.steps << " steps");
      CHECK(rel(by_rate(e, "bowl", 0.1, r.steps, RunObjective::final_value), r.end) < 1e-10);
      CHECK(rel(by_rate(e, "bowl", 0.1, r.steps, RunObjective::sum), r.sum) < 1e-10);
    }
    INFO("first, " << r.steps << " steps");
    CHECK(rel(by_rate(first, "bowl", 0.1, r.steps, RunObjective::final_value), r.end_first) <
          1e-10);
    CHECK(rel(by_rate(first, "bowl", 0.1, r.steps, RunObjective::sum), r.sum_first) < 1e-10);
  }
  // past the best rate, at even T, first order has the wrong sign
  CHECK(rel(by_rate(exact, "bowl", 0.8, 2, RunObjective::final_value), 1.728) < 1e-10);
  CHECK(rel(by_rate(first, "bowl", 0.8, 2, RunObjective::final_value), -0.576) < 1e-10);
}

TEST_CASE("windows shrink a gradient, dropping the Hessian swells it", "[estimators]") {
  const std::int64_t windows[] = {1, 2, 5, 10, 20};
  const double of_exact[] = {-8.88770735289, -12.356080954, -19.3425533009, -23.6514415051,
                             -24.6644452603};
  const double of_first[] = {-8.88770735289, -13.2231743543, -24.6966445099, -36.682537997,
                             -43.5268333847};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto at = [&](Order order) {
      return by_rate(Reverse{.order = order, .truncation = windows[i]}, "bowl", 0.1, 20,
                     RunObjective::sum);
    };
    CHECK(rel(at(Order::exact), of_exact[i]) < 1e-10);
    CHECK(rel(at(Order::first), of_first[i]) < 1e-10);
  }
}

TEST_CASE("coupled coordinates, fifteen steps", "[estimators]") {
  const auto at = [](const AnyEstimator& e, RunObjective o) {
    return by_rate(e, "coupled", 0.1, 15, o);
  };
  for (const AnyEstimator& e : exact_ways()) {
    CHECK(rel(at(e, RunObjective::final_value), -1.90274699223) < 1e-10);
    CHECK(rel(at(e, RunObjective::sum), -117.352140584) < 1e-10);
  }
  CHECK(rel(at(first, RunObjective::final_value), -6.57401123996) < 1e-10);
  CHECK(rel(at(first, RunObjective::sum), -187.509731718) < 1e-10);
}

TEST_CASE("momentum: rate and momentum", "[estimators]") {
  const AnyOptimizer o = Momentum{.learning_rate = 0.05, .momentum = 0.9};
  const Params phi = o.phi(DType::f64);
  for (const AnyEstimator& e : exact_ways()) {
    const Estimate g = estimate(e, run_of("bowl", o, phi, 10, RunObjective::final_value), phi);
    CHECK(rel(g.loss, 0.346672944363) < 1e-10);
    CHECK(rel(g.gradient["learning_rate"].item(), -1.93362508762) < 1e-10);
    CHECK(rel(g.gradient["momentum"].item(), 3.7640295546) < 1e-10);
  }
}

TEST_CASE("a quartic and an optimizer with a memory: first order turns a sign", "[estimators]") {
  // h' = .9 h + g, θ' = θ - φ_1 g - φ_2 h'
  const auto f = [](Var x) {
    const Var a = slice(x, 0, 0, 1), b = slice(x, 0, 1, 2);
    return sum(0.25 * (square(square(a)) + square(square(b))) + 0.5 * a * b);
  };
  const double one[] = {1, -0.7};
  const double rates[] = {0.1, 0.05};
  Dynamics run{
      .steps = 6,
      .start = Params({{"theta", Tensor({2}, std::span<const double>(one))},
                       {"h", Tensor::zeros({2}, DType::f64)}}),
      .visit =
          [&](const Bound& phi, const Bound& s, const Moment& m) {
            Visit v;
            Var theta = s["theta"];
            if (!theta.differentiable()) theta = theta.tape().variable(theta.value());
            const Var value = f(theta);
            if (m.loss && m.t > 0) v.loss = value;
            if (!m.move) return v;
            const Var g = m.order == Order::exact ? recorded_grad(value, theta)
                                                  : theta.tape().constant(grad(value, theta));
            const Var h = 0.9 * s["h"] + g;
            const Var p = phi["rates"];
            v.next = Bound(s.layout(), {theta - slice(p, 0, 0, 1) * g - slice(p, 0, 1, 2) * h, h});
            return v;
          },
      .has_orders = true};
  const Params phi({{"rates", Tensor({2}, std::span<const double>(rates))}});
  for (const AnyEstimator& e : exact_ways()) {
    const Estimate g = estimate(e, run, phi);
    INFO(e.name());
    CHECK(rel(g.loss, -0.69465721181) < 1e-10);
    CHECK(rel(g.gradient.flat().at(0), -0.47387226442) < 1e-10);
    CHECK(rel(g.gradient.flat().at(1), -0.090858813542) < 1e-10);
  }
  const Estimate g = estimate(first, run, phi);
  CHECK(rel(g.gradient.flat().at(0), -0.16391893238) < 1e-10);
  CHECK(rel(g.gradient.flat().at(1), 0.68149303252) < 1e-10);
}

TEST_CASE("random cuts, reweighted, are right on average", "[estimators]") {
  const Dynamics run = dynamics(
      4, Params({{"s", Tensor::scalar(1, DType::f64)}}),
      [](const Bound& phi, const Bound& s, std::int64_t) {
        return std::vector{0.9 * s[0] + phi[0]};
      },
      [](const Bound&, const Bound& s, std::int64_t) { return 0.5 * square(s[0]); });
  const Params phi({{"theta", Tensor::scalar(0.3, DType::f64)}});
  UnrollScratch scratch;
  double mean = 0, square = 0, uncorrected = 0;
  for (int pattern = 0; pattern < 8; ++pattern) {
    std::vector<double> corrected{1}, plain{1};
    for (int t = 0; t < 3; ++t) {
      corrected.push_back((pattern >> t) & 1 ? 0 : 2);
      plain.push_back((pattern >> t) & 1 ? 0 : 1);
    }
    const double g = reverse_with_factors(run, phi, corrected, scratch).gradient.flat().at(0);
    mean += g / 8;
    square += g * g / 8;
    uncorrected += reverse_with_factors(run, phi, plain, scratch).gradient.flat().at(0) / 8;
  }
  CHECK(rel(mean, 13.8051642) < 1e-10);
  CHECK(rel(square - mean * mean, 74.115793402) < 1e-10);
  CHECK(rel(uncorrected, 8.692045275) < 1e-10);
  CHECK(rel(estimate(exact, run, phi).gradient.flat().at(0), 13.8051642) < 1e-10);
  CHECK(rel(estimate(Reverse{.truncation = 2}, run, phi).gradient.flat().at(0), 8.57082) < 1e-10);
  // drawn: within five standard errors
  const int n = 4000;
  double drawn = 0;
  for (int i = 0; i < n; ++i)
    drawn +=
        estimate(Artbp{.cut = 0.5}, run, phi, Key{5}.split(static_cast<std::uint64_t>(i)), scratch)
            .gradient.flat()
            .at(0) /
        n;
  CHECK(std::abs(drawn - 13.8051642) < 5 * std::sqrt(74.115793402 / n));
}

TEST_CASE("UORO over all signs: mean and variance", "[estimators]") {
  const double a[] = {0.5, 0.2, -0.1, 0.8}, b[] = {1, 0.5}, l[] = {1, -1};
  const Tensor matrix({2, 2}, std::span<const double>(a)), column({2}, std::span<const double>(b));
  const Tensor row({2}, std::span<const double>(l));
  const Dynamics run = dynamics(
      3, Params({{"s", Tensor::zeros({2}, DType::f64)}}),
      [&](const Bound& phi, const Bound& s, std::int64_t) {
        Tape& tape = s[0].tape();
        return std::vector{squeeze(matmul(tape.constant(matrix), unsqueeze(s[0], 1)), 1) +
                           phi[0] * column};
      },
      [&](const Bound&, const Bound& s, std::int64_t) { return sum(s[0] * row); });
  const Params phi({{"theta", Tensor::scalar(0.7, DType::f64)}});
  CHECK(rel(estimate(exact, run, phi).gradient.flat().at(0), 2.28) < 1e-10);
  UnrollScratch scratch;
  double mean = 0, square = 0;
  for (int pattern = 0; pattern < 64; ++pattern) {
    const Uoro uoro{.signs = [&](std::int64_t t) {
      const double nu[] = {(pattern >> (2 * t)) & 1 ? 1. : -1.,
                           (pattern >> (2 * t + 1)) & 1 ? 1. : -1.};
      return Tensor({2}, std::span<const double>(nu));
    }};
    const double g = estimate(uoro, run, phi, Key{}, scratch).gradient.flat().at(0);
    mean += g / 64;
    square += g * g / 64;
  }
  CHECK(rel(mean, 2.28) < 1e-10);
  CHECK(rel(square - mean * mean, 8.07855766620) < 1e-10);
}

TEST_CASE("the two-dimensional test of persistent evolution strategies", "[estimators]") {
  struct Row {
    double a, b;
    const char *loss, *exact[2], *windows[2], *first[2];
  };
  const Row rows[] = {
      {.01,
       .01,
       "2490.5567522",
       {"-2.7871083974", "-1.1365639552"},
       {"-.34351183965", "-.19883458402"},
       {"-3.3572657026", "-1.2837305902"}},
      {.1,
       .1,
       "2454.6474915",
       {"-24.604834159", "-9.8885799911"},
       {"-2.255279461", "-1.7460459124"},
       {"-20.429111836", "-8.9490374862"}},
      {1,
       1,
       "2423.4682989",
       {"-2.027426403", "-.045958945354"},
       {"-2.1109557104", "-.056548822605"},
       {"-2.1594646742", "-.063583520446"}},
      {1,
       .01,
       "2423.5387434",
       {"-2.5746118048", "-.00084482866604"},
       {"-2.4977980031", "-.00081242566348"},
       {"-2.4741312746", "-.0008025171134"}},
  };
  const Dynamics run = PesTwoDimensional::run(100);
  for (const Row& r : rows) {
    const Params phi = PesTwoDimensional::phi(r.a, r.b);
    const auto check = [&](const AnyEstimator& e, const char* const(&expected)[2]) {
      INFO(e.name() << " at " << r.a << ", " << r.b);
      const Estimate g = estimate(e, run, phi);
      CHECK(printed::as(g.loss, r.loss));
      for (std::int64_t k = 0; k < 2; ++k) CHECK(printed::as(g.gradient.flat().at(k), expected[k]));
    };
    check(exact, r.exact);
    check(Forward{}, r.exact);
    check(Reverse{.truncation = 10}, r.windows);
    check(first, r.first);
  }
}

TEST_CASE("influence balancing: truncation turns the sign, unbiased estimators do not",
          "[estimators][long]") {
  const InfluenceBalancing chain;
  const Params phi = InfluenceBalancing::phi(0.5);
  // dℓ_t/dθ is what the sum up to t has more than that up to t - 1
  struct Row {
    std::int64_t t;
    const char *loss, *gradient;
  };
  for (const Row& r : {Row{1, ".125", ".5"},
                       {10, "12.5", "50"},
                       {20, "33.932564857", "135.73025943"},
                       {50, "4.9184757144", "14.906235492"},
                       {100, "7.9999999248", "23.9999998"}})
    for (const AnyEstimator& e : {AnyEstimator(exact), AnyEstimator(Forward{})}) {
      Dynamics last = chain.run(r.t);
      last.visit = [all = last.visit, t = r.t](const Bound& p, const Bound& state, Moment m) {
        m.loss = m.loss && m.t == t;
        return all(p, state, m);
      };
      INFO(e.name() << ", step " << r.t);
      const Estimate g = estimate(e, last, phi);
      CHECK(printed::as(g.loss, r.loss));
      CHECK(printed::as(g.gradient.flat().at(0), r.gradient));
    }

  // of the last loss, from the steady state: truncation has the wrong sign, the others the right
  // one
  const Dynamics run = chain.run_at_rest(100, 0.5);
  const double right = 23.999999913;
  const auto slope = [&](const AnyEstimator& e) {
    return estimate(e, run, phi, Key{4}).gradient.flat().at(0);
  };
  const auto es = [](WindowedEs::Kind kind, int pairs, std::int64_t length) {
    return WindowedEs{.kind = kind, .pairs = pairs, .sigma = 0.1, .length = length};
  };
  CHECK(slope(Reverse{.truncation = 1}) == Approx(-4));
  CHECK(slope(es(WindowedEs::Kind::truncated, 100, 1)) < 0);
  CHECK(slope(es(WindowedEs::Kind::persistent, 2000, 10)) > 0);
  CHECK(slope(es(WindowedEs::Kind::reused, 100, 1)) > 0);
  CHECK(slope(Es{.pairs = 100, .sigma = 0.1}) > 0);
  UnrollScratch scratch;
  for (const AnyEstimator& e : {AnyEstimator(Uoro{}), AnyEstimator(Artbp{.cut = 0.02}),
                                AnyEstimator(es(WindowedEs::Kind::persistent, 1, 1))}) {
    double sum = 0, squares = 0;
    const int draws = 300;
    for (std::uint64_t i = 0; i < draws; ++i) {
      const double g = estimate(e, run, phi, Key{6}.split(i), scratch).gradient.flat().at(0);
      sum += g;
      squares += g * g;
    }
    INFO(e.name());
    const double mean = sum / draws;
    CHECK(std::abs(mean - right) < 5 * std::sqrt((squares / draws - mean * mean) / draws));
  }
}

TEST_CASE("the log objective has the same slope at any length", "[estimators]") {
  for (const std::int64_t steps : {1, 10, 60}) {
    CHECK(rel(by_rate(exact, "bowl", 0.1, steps, RunObjective::log_ratio), -5) < 1e-10);
    CHECK(rel(by_rate(exact, "bowl", 0.45, steps, RunObjective::log_ratio), -40) < 1e-10);
  }
}
