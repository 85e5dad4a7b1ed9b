// Training by estimators: windows of runs through the one Trainer.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/tasks.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

Trainer trainer(const char* estimator, Threads* threads = nullptr, double rate = 0.05) {
  const AnyOptimizer o = Sgd{.learning_rate = 0.005};
  const AnyOptimizer free = tuned(o, {free_rate("log_learning_rate", o, 20)});
  return {estimator_objective(minimisations(tasks::make_optimizee("coupled"), free, {.steps = 20}),
                              estimator_by_name(estimator, {.sigma = 0.05, .window = 5})),
          free.phi(DType::f64),
          {.optimizer = Adam{.learning_rate = rate}, .batch = 4},
          Key{5},
          threads};
}

}  // namespace

TEST_CASE("every estimator finds the rate that short runs like best", "[estimators][long]") {
  // Σ f over 20 steps on the coupled quadratic is least at a rate near .3 (curvatures 1.4 and 3.6)
  const AnyOptimizer o = Sgd{.learning_rate = 0.005};
  UnrollScratch scratch;
  const auto loss_at = [&](double rate) {
    const AnyOptimizer at = Sgd{.learning_rate = rate};
    const Params phi = at.phi(DType::f64);
    return run_loss(minimisations(tasks::make_optimizee("coupled"), at, {.steps = 20})(phi, Key{1}),
                    phi, scratch);
  };
  CHECK(loss_at(0.005) > 20);
  double best = 1e300;
  for (double r = 0.01; r < 0.6; r *= 1.02) best = std::min(best, loss_at(r));
  for (const char* name : {"exact", "forward", "es:8", "pes:8", "nres:8", "artbp:0.1"}) {
    Trainer t = trainer(name);
    for (int i = 0; i < 160; ++i) t.step();
    const double rate = std::exp(t.phi().flat().at(0));
    INFO(name << " found " << rate);
    CHECK(loss_at(rate) < 1.2 * best);
  }
}

TEST_CASE("training by an estimator: same bits on any threads and after a restore",
          "[estimators]") {
  for (const char* name : {"truncated:5", "pes:3", "nres:3", "forward", "uoro"}) {
    Trainer alone = trainer(name);
    for (int i = 0; i < 7; ++i) alone.step();
    Threads threads(3);
    Trainer together = trainer(name, &threads);
    for (int i = 0; i < 3; ++i) together.step();
    Trainer again = trainer(name);
    again.restore(together.checkpoint(), "memory");
    for (int i = 0; i < 4; ++i) again.step();
    INFO(name);
    CHECK(identical(alone.phi(), again.phi()));
  }
}

TEST_CASE("slots begin at different steps of their runs", "[estimators]") {
  Trainer t = trainer("truncated:5");
  t.step();  // windows of 5 of runs cut to 20, 15, 10, 5: the last slot's is over
  int over = 0;
  for (const Params& carry : t.carries()) over += carry.empty();
  CHECK(over == 1);
}

TEST_CASE("PES's mean is the exact meta-gradient of an LSTM optimizer", "[estimators]") {
  const AnyOptimizer o = LstmOptimizer{.layers = 1, .hidden = 2, .scale = 0.3};
  Params phi = o.phi(DType::f64);
  phi.add_scaled(0.3, Params(phi.layout(), normal({phi.size()}, Key{7}, DType::f64)));
  const Dynamics run =
      minimisations(tasks::make_optimizee("quadratic:dim=3"), o, {.steps = 8})(phi, Key{2});
  const Params exact = estimate(Reverse{}, run, phi).gradient;
  const WindowedEs pes{
      .kind = WindowedEs::Kind::persistent, .pairs = 1, .sigma = 1e-3, .length = 2};
  UnrollScratch scratch;
  const int n = 1500;
  std::vector<double> sum(static_cast<std::size_t>(phi.size()), 0), squares = sum;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::vector<double> g =
        estimate(pes, run, phi, Key{3}.split(i), scratch).gradient.flat().to_vector();
    for (std::size_t k = 0; k < g.size(); ++k) {
      sum[k] += g[k];
      squares[k] += g[k] * g[k];
    }
  }
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const double mean = sum[k] / n, error = std::sqrt((squares[k] / n - mean * mean) / n);
    CHECK(std::abs(mean - exact.flat().at(static_cast<std::int64_t>(k))) < 5 * error);
  }
}

TEST_CASE("training an LSTM optimizer by PES lowers its meta-loss", "[estimators][long]") {
  const AnyOptimizer o = LstmOptimizer{.layers = 1, .hidden = 4};
  Trainer t(estimator_objective(minimisations(tasks::make_optimizee("quadratic:dim=4,functions=4"),
                                              o, {.steps = 20}),
                                WindowedEs{.pairs = 8, .sigma = 0.03, .length = 5}),
            o.phi(DType::f64), {.optimizer = Adam{.learning_rate = 0.03}, .batch = 4}, Key{8});
  UnrollScratch scratch;
  const auto judged = [&] {
    double loss = 0;
    for (std::uint64_t i = 0; i < 20; ++i)
      loss += run_loss(minimisations(tasks::make_optimizee("quadratic:dim=4,functions=4"), o,
                                     {.steps = 20})(t.phi(), Key{99}.split(i)),
                       t.phi(), scratch);
    return loss / 20;
  };
  const double before = judged();
  for (int i = 0; i < 150; ++i) t.step();
  CHECK(judged() < 0.7 * before);
}
