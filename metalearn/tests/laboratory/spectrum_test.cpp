// Spectra: linear systems against dense algebra and closed forms, maps whose exponents are known,
// values far apart, and refusals.
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numeric>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

Dynamics run_of(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                std::int64_t steps) {
  return minimisations(problem, optimizer, {.steps = steps})(optimizer.phi(DType::f64), Key(1));
}
Spectrum spectrum(const tasks::AnyOptimizee& problem, const AnyOptimizer& optimizer,
                  std::int64_t steps, const SpectrumOptions& options = {}) {
  return spectrum_of(run_of(problem, optimizer, steps), optimizer.phi(DType::f64), options);
}

double relative(double a, double b) { return std::abs(a - b) / std::abs(b); }

// Of H = [[3, 1], [1, 2]].
constexpr std::array curvatures{1.381966011250105, 3.618033988749895};

// x' = 4x (1 - x)
Dynamics logistic(std::int64_t steps, double start) {
  return dynamics(
      steps, Params({{"x", Tensor({}, {start})}}),
      [](const Bound& phi, const Bound& s, std::int64_t) {
        return std::vector{phi[0] * s[0] * (1 - s[0])};
      },
      [](const Bound&, const Bound& s, std::int64_t) { return s[0]; });
}
const Params four({{"r", Tensor({}, {4.0})}});

// Dense algebra in plain loops, with a few digits more than double has.
using Matrix = std::vector<std::vector<long double>>;
Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.size(), std::vector<long double>(b[0].size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b[0].size(); ++j)
      for (std::size_t l = 0; l < b.size(); ++l) c[i][j] += a[i][l] * b[l][j];
  return c;
}
Matrix power(const Matrix& a, int n) {
  Matrix p = a;
  for (int i = 1; i < n; ++i) p = product(p, a);
  return p;
}
// √ of the eigenvalues of AᵀA, by Jacobi's rotations.
std::vector<double> singular_values(const Matrix& a) {
  const std::size_t n = a.size();
  Matrix t(n, std::vector<long double>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) t[i][j] = a[j][i];
  Matrix s = product(t, a);
  for (int sweep = 0; sweep < 40; ++sweep)
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const long double angle = std::atan2(2 * s[p][q], s[p][p] - s[q][q]) / 2;
        const long double c = std::cos(angle), d = std::sin(angle);
        for (std::size_t i = 0; i < n; ++i) {
          const long double x = s[p][i], y = s[q][i];
          s[p][i] = c * x + d * y;
          s[q][i] = c * y - d * x;
        }
        for (std::size_t i = 0; i < n; ++i) {
          const long double x = s[i][p], y = s[i][q];
          s[i][p] = c * x + d * y;
          s[i][q] = c * y - d * x;
        }
      }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(static_cast<double>(std::sqrt(std::abs(s[i][i]))));
  std::ranges::sort(values, std::greater<>());
  return values;
}

// ∂(θ', v')/∂(θ, v) of v' = μv + Hθ, θ' = θ - αv'; and its inverse, θ = θ' + αv', v = (v' - Hθ)/μ.
Matrix momentum_step(long double alpha, long double mu) {
  return {{1 - 3 * alpha, -alpha, -alpha * mu, 0},
          {-alpha, 1 - 2 * alpha, 0, -alpha * mu},
          {3, 1, mu, 0},
          {1, 2, 0, mu}};
}
Matrix momentum_back(long double alpha, long double mu) {
  return {{1, 0, alpha, 0},
          {0, 1, 0, alpha},
          {-3 / mu, -1 / mu, (1 - 3 * alpha) / mu, -alpha / mu},
          {-1 / mu, -2 / mu, -alpha / mu, (1 - 2 * alpha) / mu}};
}

}  // namespace

TEST_CASE("gradient descent on a quadratic: singular values and exponents are its eigenvalues'",
          "[laboratory]") {
  for (const double alpha : {0.1, 0.6})
    for (const std::int64_t steps : {1, 15, 300}) {
      const Spectrum s = spectrum(tasks::test_function("coupled"), Sgd{alpha}, steps);
      std::vector<double> rates;
      for (const double h : curvatures) rates.push_back(std::abs(1 - alpha * h));
      std::ranges::sort(rates, std::greater<>());
      CAPTURE(alpha, steps);
      CHECK(s.converged);
      REQUIRE(s.singular_values.size() == 2);
      REQUIRE(s.lyapunov.size() == 2);
      REQUIRE(std::ssize(s.growth) == steps);
      for (std::size_t j = 0; j < 2; ++j) {  // at 300 steps of .1 their ratio is 1e-39
        CHECK(relative(s.singular_values[j], std::pow(rates[j], static_cast<double>(steps))) <
              1e-10);
        CHECK(std::abs(s.lyapunov[j] - std::log(rates[j])) < 1e-12);
      }
      CHECK(relative(s.growth.back(), s.log_singular_values.front()) < 1e-10);
    }
}

TEST_CASE("momentum on a quadratic: singular values are those of the dense product",
          "[laboratory]") {
  for (const auto& [alpha, mu] : {std::pair{0.1, 0.9}, std::pair{0.03, 0.5}})
    for (const int steps : {1, 5, 12, 200}) {
      const Spectrum s =
          spectrum(tasks::test_function("coupled"), Momentum{alpha, mu}, steps, {.count = 9});
      CAPTURE(alpha, mu, steps);
      CHECK(s.converged);
      REQUIRE(s.singular_values.size() == 4);
      if (steps < 200) {
        // AᵀA in long double has the large values, that of the inverse the small ones
        const std::vector<double> dense = singular_values(power(momentum_step(alpha, mu), steps));
        const std::vector<double> back = singular_values(power(momentum_back(alpha, mu), steps));
        for (const std::size_t j : {0U, 1U}) CHECK(relative(s.singular_values[j], dense[j]) < 1e-9);
        for (const std::size_t j : {2U, 3U})
          CHECK(relative(s.singular_values[j], 1 / back[3 - j]) < 1e-9);
      }
      // In H's eigenvectors the system is two of two numbers each, of determinant μ a step; their
      // ratios at 200 steps and μ = .5 are up to 1e38.
      std::vector<double> blocks;
      for (const long double h : curvatures) {
        const Matrix one{{1 - alpha * h, -alpha * mu}, {h, mu}};
        blocks.push_back(singular_values(power(one, steps)).front());
        blocks.push_back(std::pow(mu, steps) / blocks.back());
      }
      std::ranges::sort(blocks, std::greater<>());
      for (std::size_t j = 0; j < 4; ++j) CHECK(relative(s.singular_values[j], blocks[j]) < 1e-10);
    }
}

TEST_CASE("momentum on a quadratic: exponents are the logarithms of its eigenvalues",
          "[laboratory]") {
  // λ² - (1 + μ - αh) λ + μ = 0; real for α h < (1 - √μ)²
  const double alpha = 0.03, mu = 0.4;
  std::vector<double> logs;
  for (const double h : curvatures) {
    const double half = (1 + mu - alpha * h) / 2, root = std::sqrt(half * half - mu);
    logs.push_back(std::log(half + root));
    logs.push_back(std::log(half - root));
  }
  std::ranges::sort(logs, std::greater<>());
  const Spectrum s = spectrum(tasks::test_function("coupled"), Momentum{alpha, mu}, 600);
  for (std::size_t j = 0; j < 4; ++j) CHECK(std::abs(s.lyapunov[j] - logs[j]) < 1e-8);
  const Spectrum first =
      spectrum(tasks::test_function("coupled"), Momentum{alpha, mu}, 600, {.count = 1});
  REQUIRE(first.lyapunov.size() == 1);
  CHECK(std::abs(first.lyapunov[0] - logs[0]) < 1e-8);

  // complex pairs, all of modulus √μ
  for (const std::int64_t steps : {7, 50, 200, 1000}) {
    const Spectrum turning = spectrum(tasks::test_function("coupled"), Momentum{0.1, 0.9}, steps);
    for (const double l : turning.lyapunov) CHECK(std::abs(l - std::log(0.9) / 2) < 1e-10);
  }
  // of many coordinates the first few: ten curvatures, real for the flattest and complex above
  const auto bowls =
      tasks::optimizee(Params({{"x", Tensor::full({10}, 1, DType::f64)}}), [](const Bound& p, Key) {
        return 0.5 *
               sum(square(p["x"]) * Tensor({10}, {.001, .003, .01, .03, .1, .3, 1., 2., 3., 4.}));
      });
  const Spectrum mixed = spectrum(bowls, Momentum{0.2, 0.81}, 300, {.count = 3});
  std::vector<double> moduli;
  for (const double h : {.001, .003, .01, .03, .1, .3, 1., 2., 3., 4.}) {
    const std::complex<double> half = (1 + 0.81 - 0.2 * h) / 2,
                               root = std::sqrt(half * half - 0.81);
    moduli.push_back(std::log(std::abs(half + root)));
    moduli.push_back(std::log(std::abs(half - root)));
  }
  std::ranges::sort(moduli, std::greater<>());
  for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(mixed.lyapunov[k] - moduli[k]) < 1e-8);
}

TEST_CASE("the largest of many singular values, by a few vectors", "[laboratory]") {
  // x' = D x Q-mixed: a rotation by reflections, then a diagonal of 1, 1/1.3, 1/1.3², ...
  constexpr std::int64_t n = 24;
  const Tensor u = normal({n, 1}, Key(5), DType::f64);
  Tensor diagonal = Tensor::uninitialised({n}, DType::f64);
  for (std::int64_t i = 0; i < n; ++i)
    diagonal.mutable_values<double>()[static_cast<std::size_t>(i)] =
        std::pow(1.3, -static_cast<double>(i));
  const auto reflected = [&](Var x) {
    const Var v = x.tape().constant(u);
    return x - 2 * v * sum(v * x) / sum(square(v));
  };
  const Dynamics run = dynamics(
      2, Params({{"x", normal({n, 1}, Key(6), DType::f64)}}),
      [&](const Bound&, const Bound& s, std::int64_t) {
        const Var d = s[0].tape().constant(diagonal.reshape({n, 1}));
        return std::vector{d * reflected(s[0])};
      },
      [](const Bound&, const Bound& s, std::int64_t) { return sum(s[0]); });
  Matrix step(n, std::vector<long double>(n));
  double squared = 0;
  for (std::int64_t i = 0; i < n; ++i) squared += u.at(i) * u.at(i);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      step[i][j] = diagonal.at(static_cast<std::int64_t>(i)) *
                   ((i == j ? 1.0L : 0.0L) - 2.0L * u.at(static_cast<std::int64_t>(i)) *
                                                 u.at(static_cast<std::int64_t>(j)) / squared);
  const std::vector<double> dense = singular_values(power(step, 2));
  for (const int count : {1, 3, 6}) {
    const Spectrum s = spectrum_of(run, Params(), {.count = count});
    CHECK(s.converged);
    CHECK(s.iterations > 2);
    REQUIRE(std::ssize(s.singular_values) == count);
    for (std::size_t j = 0; j < s.singular_values.size(); ++j)
      CHECK(relative(s.singular_values[j], dense[j]) < 1e-10);
  }
  const Spectrum cut = spectrum_of(run, Params(), {.count = 3, .iterations = 1});
  CHECK(!cut.converged);
  int asked = 0;
  const Spectrum stopped =
      spectrum_of(run, Params(), {.count = 3, .stop = [&] { return ++asked == 2; }});
  CHECK(stopped.iterations == 2);
  CHECK(!stopped.converged);
}

TEST_CASE("chaos: the logistic map and the double well", "[laboratory]") {
  const Spectrum ten = spectrum_of(logistic(10, 0.3), four);
  CHECK(relative(ten.singular_values[0], 455.41225732) < 1e-10);
  CHECK(relative(spectrum_of(logistic(20, 0.3), four).singular_values[0], 535778.1290) < 1e-9);
  CHECK(std::abs(spectrum_of(logistic(3000, 0.3), four).lyapunov[0] - std::log(2)) < 0.01);

  // at rest at 1 each step shrinks by |1 - 2α|
  const Spectrum rest = spectrum(tasks::double_well(1), Sgd{0.9}, 40);
  CHECK(std::abs(rest.lyapunov[0] + 0.2231435513) < 1e-10);
  // on the way there too, in the long run; the product itself is far below the least double
  const Spectrum way = spectrum(tasks::double_well(0.9), Sgd{0.9}, 4000);
  CHECK(std::abs(way.lyapunov[0] + 0.2231435513) < 1e-3);
  CHECK(way.singular_values[0] == 0);
  CHECK(relative(way.log_singular_values[0], -0.2231435513 * 4000) < 1e-2);
  CHECK(spectrum(tasks::double_well(), Sgd{1.3}, 1000).lyapunov[0] < 0);
  CHECK(spectrum(tasks::double_well(), Sgd{1.6}, 1000).lyapunov[0] > 0.5);
}

TEST_CASE("a direction that is lost has singular value 0", "[laboratory]") {
  const Params start({{"x", Tensor({3}, {1.0, 2.0, 3.0})}});
  const auto loss = [](const Bound&, const Bound& s, std::int64_t) { return sum(s[0]); };
  const auto flatten = dynamics(
      4, start,
      [](const Bound&, const Bound& s, std::int64_t) {
        const Var x = s[0];
        return std::vector{x - mean(x)};
      },
      loss);
  const Spectrum found = spectrum_of(flatten, Params());
  REQUIRE(found.singular_values.size() == 3);
  CHECK(relative(found.singular_values[0], 1) < 1e-12);
  CHECK(relative(found.singular_values[1], 1) < 1e-12);
  CHECK(found.singular_values[2] < 1e-15);

  const auto forget = dynamics(
      4, start,
      [](const Bound&, const Bound& s, std::int64_t t) {
        const Var x = s[0];
        return std::vector{t == 2 ? x.tape().constant(x.value()) : x};
      },
      loss);
  const Spectrum none = spectrum_of(forget, Params());
  CHECK(none.singular_values == std::vector<double>{0, 0, 0});
  CHECK(none.growth[1] == 0);
  CHECK(std::isinf(none.growth[2]));
}

TEST_CASE("spectrum: float32, threads and refusals", "[laboratory]") {
  const AnyOptimizer sgd = Sgd{0.1};
  const auto system = minimisations(tasks::test_function("coupled"), sgd, {.steps = 20});
  const Params phi = sgd.phi(DType::f32);
  const Spectrum s = spectrum_of(system(phi, Key(1)), phi);
  CHECK(s.converged);
  CHECK(relative(s.singular_values[0], std::pow(1 - 0.1 * curvatures[0], 20)) < 1e-5);
  Threads threads(3);
  CHECK(spectrum_of(system(phi, Key(1)), phi, {}, &threads).singular_values == s.singular_values);

  CHECK_THROWS_WITH(spectrum_of(logistic(5, 0.3), four, {.count = 0}),
                    "spectrum: 0 singular values: 1 or more expected");
  CHECK_THROWS_WITH(spectrum_of(logistic(5, 0.3), four, {.iterations = 0}),
                    "spectrum: 0 iterations: 1 or more expected");
  CHECK_THROWS_WITH(spectrum_of(logistic(60, 1.3), four),
                    "spectrum: the run diverges at step 10 of 60");
}
