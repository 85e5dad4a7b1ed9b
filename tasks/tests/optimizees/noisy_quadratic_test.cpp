// noisy_quadratic_test.cpp: the closed forms against numbers that were computed elsewhere, against
// each other, and against the function itself.
#include "metatape/tasks/optimizees/noisy_quadratic.hpp"

#include <cmath>

#include "../support/catch.hpp"
#include "metatape/autodiff/error.hpp"

using metatape::tasks::NoisyQuadratic;

namespace {

constexpr double exact = 1e-10;

Approx about(double x) { return Approx(x).epsilon(exact); }

const NoisyQuadratic& two() {
  static const NoisyQuadratic q{.curvature = {1, 0.1}, .noise = {1, 1}, .start = {1, 100}};
  return q;
}

}  // namespace

TEST_CASE("moments, loss and slope of two coordinates at a rate of 0.2", "[noisy_quadratic]") {
  struct Row {
    int steps;
    double loss, slope, first, second;
  };
  for (const Row& r : {Row{1, 5.69202, -1.5798, 0.68, 96.0404},
                       Row{10, 3.94888738467, -6.6338090901, 0.121359302263, 66.7641546707},
                       Row{100, 0.693991456288, -1.48335927469, 0.111111111111, 1.76871801465}}) {
    INFO(r.steps);
    const std::vector<double> moments = two().after(0.2, r.steps);
    CHECK(two().loss(moments) == about(r.loss));
    CHECK(two().slope(0.2, r.steps) == about(r.slope));
    CHECK(moments[0] == about(r.first));
    CHECK(moments[1] == about(r.second));
    std::vector<double> stepped = two().start;
    for (int t = 0; t < r.steps; ++t) stepped = two().step(stepped, 0.2);
    CHECK(stepped[0] == about(moments[0]));
    CHECK(stepped[1] == about(moments[1]));
  }
  CHECK(two().greedy_rate(two().start) == about(0.951927653498));
}

TEST_CASE("the longer the horizon, the smaller the best constant rate", "[noisy_quadratic]") {
  const NoisyQuadratic q = NoisyQuadratic::harmonic();
  struct Row {
    std::int64_t steps;
    double rate, excess;
  };
  for (const Row& r : {Row{10, 1.89778, 21.1327969}, Row{100, 1.63881, 0.801184242},
                       Row{1000, 0.340543, 0.0534580969}, Row{10000, 0.0449617, 0.00647689394},
                       Row{100000, 0.00556189, 0.000782469609}, Row{2000, 0.187188, 0.0281686}}) {
    INFO(r.steps);
    const double rate = q.best_rate(r.steps);
    CHECK(rate == Approx(r.rate).epsilon(3e-6));  // as many digits as are known
    CHECK(q.excess(q.after(rate, r.steps)) ==
          Approx(r.excess).epsilon(r.steps == 2000 ? 2e-6 : 1e-8));
  }
  CHECK_THROWS_AS(q.best_rate(0), metatape::DataError);
}

TEST_CASE("the greedy schedule decays too soon", "[noisy_quadratic]") {
  const NoisyQuadratic q = NoisyQuadratic::harmonic();
  std::vector<double> moments = q.start;
  int t = 0;
  struct Row {
    int step;
    double rate, excess;
  };
  for (const Row& r :
       {Row{10, 1.68366183676, 20.6344071102}, Row{100, 0.471686236635, 1.83704312022},
        Row{1000, 0.042903291027, 0.152427190199}, Row{2000, 0.0214063209149, 0.07656766397},
        Row{10000, 0.00434536943718, 0.0158455928602}}) {
    INFO(r.step);
    double rate = 0;
    for (; t < r.step; ++t) {
      rate = q.greedy_rate(moments);
      moments = q.step(moments, rate);
    }
    CHECK(rate == about(r.rate));
    CHECK(q.excess(moments) == about(r.excess));
  }
}

TEST_CASE("the greedy rate is the best for one step", "[noisy_quadratic]") {
  const double rate = two().greedy_rate(two().start);
  CHECK(two().slope(rate, 1) == Approx(0).margin(1e-12));
  CHECK(two().best_rate(1) == about(rate));
}
