// Estimators held against the exact gradient: closed cases of gradient descent on x², whose sampled
// means and variances are integrals that a few lines compute.
#include <cmath>
#include <limits>
#include <numbers>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// f = x² from 1, x' = x - φ ∇f with φ = .1, L = Σ_{t=1..T} f(x_t); dL/dφ = -7.296 for T = 2.
System bowl(std::int64_t steps) {
  return minimisations(tasks::bowl(2, 1), Sgd{0.1}, {.steps = steps});
}
const Params rate = AnyOptimizer(Sgd{0.1}).phi(DType::f64);

std::vector<AnyEstimator> named(const std::vector<std::string>& names,
                                const EstimatorDefaults& defaults = {}) {
  std::vector<AnyEstimator> all;
  for (const std::string& n : names) all.push_back(estimator_by_name(n, defaults));
  return all;
}

// Mean, variance and fourth central moment of g(ε1, ε2), by the trapezoidal rule, which is exact to
// rounding for such functions.
struct Law {
  double mean = 0, variance = 0, fourth = 0;
};
Law law_of(const std::function<double(double, double)>& g) {
  Law l;
  const auto integral = [](const std::function<double(double, double)>& f) {
    constexpr double step = 0.25;
    double sum = 0;
    for (double x = -12; x <= 12; x += step)
      for (double y = -12; y <= 12; y += step)
        sum += f(x, y) * std::exp(-(x * x + y * y) / 2) * step * step / (2 * std::numbers::pi);
    return sum;
  };
  l.mean = integral(g);
  l.variance = integral([&](double x, double y) { return std::pow(g(x, y) - l.mean, 2); });
  l.fourth = integral([&](double x, double y) { return std::pow(g(x, y) - l.mean, 4); });
  return l;
}

}  // namespace

TEST_CASE("compare: what draws nothing is exact or biased as the closed case says",
          "[laboratory]") {
  const Comparison c =
      compare_estimators(bowl(20), rate,
                         named({"exact", "exact-hvp", "checkpointed", "forward", "first",
                                "truncated:1", "truncated:5", "truncated-first:5"}),
                         {.samples = 50});
  const double exact = -24.6644452603;
  CHECK(c.loss == Approx(1.77754147058).epsilon(1e-10));
  CHECK(c.reference.flat().item() == Approx(exact).epsilon(1e-10));
  REQUIRE(c.estimators.size() == 8);
  const double expected[] = {exact,          exact,          exact,          exact,
                             -43.5268333847, -8.88770735289, -19.3425533009, -24.6966445099};
  for (std::size_t i = 0; i < 8; ++i) {
    const EstimatorReport& r = c.estimators[i];
    CAPTURE(r.name);
    CHECK(r.samples == 1);
    CHECK(r.diverged == 0);
    CHECK(r.mean.flat().item() == Approx(expected[i]).epsilon(1e-10));
    CHECK(r.cosine == Approx(1).epsilon(1e-14));
    CHECK(r.relative_bias == Approx(expected[i] / exact - 1).margin(1e-10));
    CHECK(r.relative_bias_ci95 == 0);
    CHECK(r.variance == 0);
    CHECK(r.variance_spectrum == std::vector<double>{0});
    CHECK(r.mean_squared_error ==
          Approx((expected[i] - exact) * (expected[i] - exact)).margin(1e-9));
    CHECK(r.seconds_per_estimate > 0);
  }
  CHECK(c.estimators[0].name == "exact");
  CHECK(c.estimators[7].name == "truncated-first:5");
  // what is on the tape: the whole run, a step, a window of five
  CHECK(c.estimators[1].peak_bytes < c.estimators[0].peak_bytes);
  CHECK(c.estimators[6].peak_bytes < c.estimators[0].peak_bytes);
}

TEST_CASE("compare: intervals of unbiased estimators contain 0, of biased ones they do not",
          "[laboratory][long]") {
  const Comparison c = compare_estimators(
      bowl(2), rate,
      named({"es:64", "pes:64:1", "nres:64:1", "artbp:0.3", "truncated-es:64:1"}, {.sigma = 0.001}),
      {.samples = 200, .key = Key(3)});
  CHECK(c.reference.flat().item() == Approx(-7.296).epsilon(1e-12));
  for (const EstimatorReport& r : c.estimators) {
    CAPTURE(r.name);
    CHECK(r.samples == 200);
    CHECK(r.relative_bias_ci95 > 0);
    CHECK(r.relative_bias_ci95 < 0.1);
    const bool unbiased = r.name != "truncated-es:64:1";
    // three standard errors, as five estimators are looked at
    CHECK((std::abs(r.relative_bias) < 1.5 * r.relative_bias_ci95) == unbiased);
    CHECK(r.mean_squared_error ==
          Approx(r.variance * 199 / 200 + std::pow(r.relative_bias * 7.296, 2)).epsilon(1e-9));
  }
}

TEST_CASE("compare: means and variances of sampled estimators are those of their closed forms",
          "[laboratory]") {
  constexpr double sigma = 0.1, phi = 0.1;
  const auto u = [](double a) { return 1 - 2 * a; };
  const auto first = [&](double e) { return std::pow(u(phi + sigma * e), 2); };  // f(x_1)
  const auto second = [&](double d, double e) {
    return std::pow(u(phi + sigma * d) * u(phi + sigma * e), 2);
  };
  const auto whole = [&](double e) { return first(e) + second(e, e); };
  struct Row {
    const char* name;
    double mean, variance;  // as published
    std::function<double(double, double)> sample;
  };
  const std::vector<Row> rows = {
      {"es:1", -8.064, 157.581312,
       [&](double e, double) { return e * (whole(e) - whole(-e)) / (2 * sigma); }},
      {"nres:1:1", -8.064, 157.581312,
       [&](double e, double) { return e * (whole(e) - whole(-e)) / (2 * sigma); }},
      {"es-baseline:1", -8.064, 220.549632,
       [&](double e, double) { return e * (whole(e) - whole(0)) / sigma; }},
      {"es-one-sided:1", -8.064, 457.675264,
       [&](double e, double) { return e * whole(e) / sigma; }},
      {"pes:1:1", -7.552, 95.322112,
       [&](double d, double e) {
         return (d * (first(d) - first(-d)) + (d + e) * (second(d, e) - second(-d, -e))) /
                (2 * sigma);
       }},
      {"truncated-es:1:1", -5.248, 28.868608,
       [&](double d, double e) {
         return (d * (first(d) - first(-d)) + e * (second(0, e) - second(0, -e))) / (2 * sigma);
       }},
  };
  std::vector<std::string> names;
  for (const Row& r : rows) names.emplace_back(r.name);
  constexpr double n = 4000;
  const Comparison c = compare_estimators(bowl(2), rate, named(names, {.sigma = sigma}),
                                          {.samples = static_cast<int>(n), .key = Key(1)});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const EstimatorReport& r = c.estimators[i];
    const Law law = law_of(rows[i].sample);
    CAPTURE(r.name, r.variance);
    CHECK(law.mean == Approx(rows[i].mean).epsilon(1e-9));
    CHECK(law.variance == Approx(rows[i].variance).epsilon(1e-9));
    CHECK(std::abs(r.mean.flat().item() - law.mean) < 5 * std::sqrt(law.variance / n));
    const double error = std::sqrt((law.fourth - law.variance * law.variance) / n);
    CHECK(std::abs(r.variance - law.variance) < 5 * error);
    CHECK(r.relative_bias == Approx(r.mean.flat().item() / -7.296 - 1).epsilon(1e-9));
    CHECK(r.relative_bias_ci95 == Approx(1.96 * std::sqrt(r.variance / n) / 7.296).epsilon(1e-9));
  }
}

TEST_CASE("compare: the covariance of evolution strategies on a linear loss", "[laboratory]") {
  // of an antithetic pair: ‖g‖² I + g gᵀ, eigenvalues 2‖g‖², ‖g‖², ‖g‖²
  const Tensor g({3}, {1.0, -2.0, 2.0});
  const Params phi({{"phi", Tensor({3}, {0.3, 0.2, 0.1})}});
  const System system = [&](const Params&, Key) {
    return dynamics(
        1, Params({{"s", Tensor({}, {0.0})}}),
        [g](const Bound& p, const Bound&, std::int64_t) { return std::vector{sum(p[0] * g)}; },
        [](const Bound&, const Bound& s, std::int64_t) { return s[0]; });
  };
  const Comparison c = compare_estimators(system, phi, named({"es:1"}), {.samples = 4000});
  const EstimatorReport& r = c.estimators[0];
  CHECK(c.reference.flat().to_vector() == std::vector<double>{1, -2, 2});
  REQUIRE(r.variance_spectrum.size() == 3);
  CHECK(r.variance_spectrum[0] == Approx(18).epsilon(0.15));
  CHECK(r.variance_spectrum[1] == Approx(9).epsilon(0.15));
  CHECK(r.variance_spectrum[2] == Approx(9).epsilon(0.15));
  CHECK(r.variance == Approx(36).epsilon(0.1));
  CHECK(r.variance_spectrum[0] + r.variance_spectrum[1] + r.variance_spectrum[2] ==
        Approx(r.variance).epsilon(1e-12));
  CHECK(r.cosine > 0.99);
}

TEST_CASE("compare: fresh runs are compared pair by pair", "[laboratory]") {
  // The target moves by a draw of the run's: gradients differ from run to run far more than es does
  // from exact on one run.
  const AnyOptimizer sgd = Sgd{0.1};
  const auto system = minimisations(tasks::test_function("noisy_quadratic"), sgd, {.steps = 3});
  const Params phi = sgd.phi(DType::f64);
  const Comparison c = compare_estimators(system, phi, named({"exact", "truncated:1"}),
                                          {.samples = 40, .fresh_runs = true, .key = Key(2)});
  const EstimatorReport& exact = c.estimators[0];
  CHECK(exact.samples == 40);
  CHECK(exact.relative_bias == 0);
  CHECK(exact.relative_bias_ci95 == 0);
  CHECK(exact.mean_squared_error == 0);
  CHECK(exact.variance > 0);
  CHECK(exact.mean.flat().item() == Approx(c.reference.flat().item()).epsilon(1e-14));
  const EstimatorReport& cut = c.estimators[1];
  CHECK(cut.relative_bias ==
        Approx(cut.mean.flat().item() / c.reference.flat().item() - 1).epsilon(1e-10));
  CHECK(cut.relative_bias_ci95 > 0);

  double loss = 0, gradient = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Estimate e = estimate(AnyEstimator(), system(phi, Key(2).split("run", i)), phi);
    loss += e.loss / 40;
    gradient += e.gradient.flat().item() / 40;
  }
  CHECK(c.loss == Approx(loss).epsilon(1e-12));
  CHECK(c.reference.flat().item() == Approx(gradient).epsilon(1e-12));
}

TEST_CASE("compare: same bits on any number of threads", "[laboratory]") {
  const auto names = {"exact", "es:7", "pes:5:1", "artbp:0.3", "uoro", "truncated-es:4:1"};
  const ComparisonOptions options{.samples = 20, .key = Key(9)};
  const auto estimators = named({names.begin(), names.end()});
  const Comparison alone = compare_estimators(bowl(3), rate, estimators, options);
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    const Comparison c = compare_estimators(bowl(3), rate, estimators, options, &threads);
    CHECK(identical(c.reference, alone.reference));
    for (std::size_t i = 0; i < c.estimators.size(); ++i) {
      const EstimatorReport &a = c.estimators[i], &b = alone.estimators[i];
      CHECK(identical(a.mean, b.mean));
      CHECK(a.variance == b.variance);
      CHECK(a.relative_bias == b.relative_bias);
      CHECK(a.relative_bias_ci95 == b.relative_bias_ci95);
      CHECK(a.mean_squared_error == b.mean_squared_error);
    }
  }
}

TEST_CASE("compare: stop, samples that diverge, a reference of 0, refusals", "[laboratory]") {
  int rounds = 0;
  const Comparison stopped =
      compare_estimators(bowl(2), rate, named({"exact", "es:2"}),
                         {.samples = 100, .stop = [&] { return ++rounds == 7; }});
  CHECK(stopped.estimators[0].samples == 1);
  CHECK(stopped.estimators[1].samples == 7);
  int asked = 0;  // while references are taken: as many runs are compared
  const Comparison early = compare_estimators(
      bowl(2), rate, named({"es:2"}),
      {.samples = 100, .fresh_runs = true, .stop = [&] { return ++asked == 3; }});
  CHECK(early.estimators[0].samples == 3);

  // perturbed by 1e200 the run is lost
  const Comparison lost = compare_estimators(
      bowl(2), rate, {AnyEstimator(Es{.pairs = 1, .sigma = 1e200})}, {.samples = 3});
  CHECK(lost.estimators[0].samples == 0);
  CHECK(lost.estimators[0].diverged == 3);
  CHECK(lost.estimators[0].mean.flat().item() == 0);
  CHECK(std::isnan(lost.estimators[0].relative_bias));

  const Comparison flat = compare_estimators(
      minimisations(tasks::bowl(2, 0), Sgd{0.1}, {.steps = 2}), rate, named({"exact"}));
  CHECK(flat.estimators[0].cosine == 0);
  CHECK(std::isnan(flat.estimators[0].relative_bias));

  CHECK_THROWS_WITH(compare_estimators(bowl(2), rate, {}, {.samples = 0}),
                    "compare: 0 samples: 1 or more expected");
  CHECK_THROWS_WITH(compare_estimators(bowl(2), Params(), {}),
                    "compare: phi has no numbers, so there is no gradient");
  const Params wild = AnyOptimizer(Sgd{1e60}).phi(DType::f64);
  CHECK_THROWS_WITH(compare_estimators(bowl(9), wild, {}),
                    "compare: the reference diverges at step 3 of 9");
}

TEST_CASE("cosines", "[laboratory]") {
  const auto at = [](double x, double y) { return Params({{"p", Tensor({2}, {x, y})}}); };
  CHECK(cosine(at(1, 0), at(2, 0)) == 1);
  CHECK(cosine(at(1, 0), at(0, 3)) == 0);
  CHECK(cosine(at(1, 1), at(-2, 0)) == Approx(-std::sqrt(0.5)).epsilon(1e-15));
  CHECK(cosine(at(0, 0), at(1, 0)) == 0);
  CHECK(cosine(at(3e250, 4e250), at(4e-250, 3e-250)) == Approx(0.96).epsilon(1e-14));
}
