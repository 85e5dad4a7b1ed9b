// Random lengths, reweighted: means and variances by enumeration.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

struct Law {
  double mean = 0, variance = 0, cost = 0;
};

// Of Y_k = Σ_{j<=k} 2^-j.
Law law(const Telescoping& t) {
  const auto y = [](std::int64_t k) { return 1 - std::pow(0.5, static_cast<double>(k)); };
  Law l;
  for (std::int64_t k = 1; k <= t.terms; ++k) {
    const double p = t.probability(k), a = t.answer(k, y);
    l.mean += p * a;
    l.variance += p * a * a;
    l.cost += p * static_cast<double>(k);
  }
  l.variance -= l.mean * l.mean;
  return l;
}

}  // namespace

TEST_CASE("randomised telescoping of a geometric series", "[estimators]") {
  const Law a = law({.q = 0.5}), b = law({.kind = Telescoping::Kind::single, .q = 0.5});
  CHECK(a.mean == Approx(0.984375).epsilon(1e-12));
  CHECK(a.variance == Approx(0.41381835938).epsilon(1e-10));
  CHECK(a.cost == Approx(1.96875).epsilon(1e-12));
  CHECK(b.mean == Approx(0.984375).epsilon(1e-12));
  CHECK(b.variance == Approx(0.00756835938).epsilon(1e-8));
  const Law c = law({.q = 0.7}), d = law({.kind = Telescoping::Kind::single, .q = 0.7});
  CHECK(c.variance == Approx(0.14782706854).epsilon(1e-10));
  CHECK(d.variance == Approx(0.32122270231).epsilon(1e-10));
  CHECK(c.cost == Approx(2.94117).epsilon(1e-12));
  CHECK_THROWS_AS(law({.q = 1}), DataError);
}

TEST_CASE("draws of a random length follow their probabilities", "[estimators]") {
  const Telescoping t{.q = 0.6, .terms = 4};
  const int n = 20000;
  std::vector<int> count(5, 0);
  for (int i = 0; i < n; ++i)
    ++count[static_cast<std::size_t>(t.draw(Key{1}.split(static_cast<std::uint64_t>(i))))];
  for (std::int64_t k = 1; k <= 4; ++k) {
    const double p = t.probability(k);
    CHECK(std::abs(count[static_cast<std::size_t>(k)] / double(n) - p) <
          5 * std::sqrt(p * (1 - p) / n));
  }
}

TEST_CASE("runs of random length are right on average", "[estimators]") {
  const AnyOptimizer o = Sgd{.learning_rate = 0.1};
  const Params phi = o.phi(DType::f64);
  const Dynamics run = minimisations(tasks::make_optimizee("bowl"), o, {.steps = 20})(phi, Key{1});
  UnrollScratch scratch;
  for (const char* name : {"roulette:0.5", "single-term:0.5"}) {
    double sum = 0, squares = 0;
    const int n = 3000;
    for (std::uint64_t i = 0; i < n; ++i) {
      const double g = estimate(estimator_by_name(name), run, phi, Key{2}.split(i), scratch)
                           .gradient.flat()
                           .at(0);
      sum += g;
      squares += g * g;
    }
    const double mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
    INFO(name);
    CHECK(deviation > 0.1);
    CHECK(std::abs(mean + 24.6644452603) < 5 * deviation / std::sqrt(double(n)));
  }
}
