// chaos.cpp: gradient descent on the double well x⁴/4 - x²/2, one number with a learning rate:
// above a rate of about 1.3 its steps never settle, and exact gradients of a long run say nothing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/estimators/evolution.hpp"
#include "metatape/metalearn/laboratory/spectrum.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"
#include "studies.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyEstimator;

constexpr double chaotic = 1.6;  // the rate at which gradients are looked at closely
constexpr double sigma = 0.01;   // of evolution strategies

// f(x_T) of gradient descent from a start in (0.1, 1) that the key draws.
metalearn::Dynamics descent(double rate, std::int64_t steps, Key key) {
  tasks::TestFunction f = tasks::double_well();
  f.start = {{tasks::StartRange::Law::uniform, 0.1, 1}};
  const metalearn::AnyOptimizer sgd = metalearn::Sgd{.learning_rate = rate};
  return metalearn::minimisation(
      f.sample(key, DType::f64), sgd, sgd.phi(DType::f64), key,
      {.steps = steps, .objective = metalearn::RunObjective::final_value});
}

Params phi_of(double rate) {
  return metalearn::AnyOptimizer(metalearn::Sgd{.learning_rate = rate}).phi(DType::f64);
}

// What is found from each of so many starts, in their order; starts in parallel.
std::vector<double> of_starts(int starts, const StudyContext& context,
                              const std::function<double(Key, metalearn::UnrollScratch&)>& find) {
  std::vector<double> found(static_cast<std::size_t>(starts));
  std::vector<metalearn::UnrollScratch> scratch;
  for (int w = 0; w < context.threads.count(); ++w) scratch.emplace_back();
  context.threads.run(starts, [&](std::int64_t i, int worker) {
    const Key key = Key{context.seed}.split("start", static_cast<std::uint64_t>(i));
    found[static_cast<std::size_t>(i)] = find(key, scratch[static_cast<std::size_t>(worker)]);
  });
  stop_if_asked();
  return found;
}

std::vector<double> gradients(const AnyEstimator& estimator, double rate, std::int64_t steps,
                              int starts, const StudyContext& context) {
  return of_starts(starts, context, [&](Key key, metalearn::UnrollScratch& scratch) {
    return metalearn::estimate(estimator, descent(rate, steps, key), phi_of(rate), key, scratch)
        .gradient["learning_rate"]
        .item();
  });
}

double deviation(const std::vector<double>& values) {
  return mean_of(values).ci95 / 1.96 * std::sqrt(static_cast<double>(values.size()));
}

double median_size(std::vector<double> values) {
  for (double& v : values) v = std::abs(v);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// x' = 4x(1-x) from x_0 = φ; ℓ_T = x_T.
metalearn::Dynamics logistic_map(std::int64_t steps) {
  return metalearn::dynamics(
      steps, Params({{"x", Tensor::scalar(0.3, DType::f64)}}),
      [](const Bound& phi, const Bound& s, std::int64_t t) {
        const Var x = t == 0 ? phi[0] : s[0];
        return std::vector{4.0 * x * (1.0 - x)};
      },
      [steps](const Bound&, const Bound& s, std::int64_t t) { return t < steps ? Var{} : s[0]; });
}

void add_logistic_rows(StudyResult& result) {
  const Params start({{"x", Tensor::scalar(0.3, DType::f64)}});
  const auto slope = [&](std::int64_t steps) {
    return metalearn::estimate({}, logistic_map(steps), start).gradient["x"].item();
  };
  for (const auto& [steps, d] :
       {std::pair{5, -19.776855263}, {10, -455.41225732}, {20, -535778.1290}})
    result.rows.push_back(
        {fmt::format("logistic map: dx_{}/dx_0 from 0.3, exact", steps), d, slope(steps)});
  result.rows.push_back(
      {"logistic map: (1/30) log |dx_30/dx_0|", 0.66830, std::log(std::abs(slope(30))) / 30});
}

}  // namespace

StudyResult chaos(const StudyContext& context) {
  StudyResult result;

  // ---- Lyapunov exponents by rate
  const int starts = 50;
  const std::int64_t long_run = context.paper ? 2500 : 1000;
  for (const auto& [rate, exponent] : {std::pair{0.9, -0.2231435513},
                                       {1.1, -0.857},
                                       {1.2, -0.193},
                                       {1.3, -0.059},
                                       {1.4, 0.34},
                                       {1.5, 0.49},
                                       {1.6, 0.68},
                                       {1.8, 0.80},
                                       {1.99, 1.04}}) {
    const MeanOf found = mean_of(of_starts(starts, context, [&, r = rate](Key key, auto&) {
      return metalearn::spectrum_of(descent(r, long_run, key), phi_of(r),
                                    {.count = 1, .iterations = 1, .key = key})
          .lyapunov.front();
    }));
    result.rows.push_back(
        {fmt::format("Lyapunov exponent at rate {}", rate), exponent, found.mean, found.ci95});
  }

  // ---- the gradient by the length of the run
  const int many = context.paper ? 1000 : 200;
  Figure norms{.title = "Exact gradient of f(x_T) by the learning rate, median over starts",
               .x_label = "steps T",
               .y_label = "|gradient|",
               .log_y = true};
  for (const double rate : {0.9, 1.2, 1.4, chaotic, 1.8}) {
    Series s{.name = fmt::format("rate {}", rate)};
    for (std::int64_t steps = 1; steps <= 60; steps += steps < 10 ? 1 : 5) {
      const double size = median_size(gradients({}, rate, steps, many / 4, context));
      if (!(size > 0)) continue;
      s.x.push_back(static_cast<double>(steps));
      s.y.push_back(size);
    }
    norms.series.push_back(std::move(s));
  }
  Figure deviations{.title = fmt::format("Deviation over starts, learning rate {}", chaotic),
                    .x_label = "steps T",
                    .y_label = "deviation",
                    .log_y = true};
  Series exact{.name = "exact gradient"};
  Series es{.name = fmt::format("evolution strategies, a pair, sigma {}", sigma)};
  std::vector<double> typical;
  for (const std::int64_t steps : {1, 2, 5, 10, 20, 30, 50, 100}) {
    const std::vector<double> slopes = gradients({}, chaotic, steps, many, context);
    exact.x.push_back(static_cast<double>(steps));
    exact.y.push_back(deviation(slopes));
    typical.push_back(median_size(slopes));
    es.x.push_back(static_cast<double>(steps));
    es.y.push_back(deviation(
        gradients(metalearn::Es{.pairs = 1, .sigma = sigma}, chaotic, steps, many, context)));
  }
  for (std::size_t i = 0; i < exact.x.size(); ++i) {
    result.rows.push_back(
        {fmt::format("deviation at rate {}, T = {}: exact gradient", chaotic, exact.x[i]),
         {},
         exact.y[i]});
    result.rows.push_back({fmt::format("the same: ES, one pair, σ = {}", sigma), {}, es.y[i]});
  }
  const auto growth = [&](const std::vector<double>& values) {
    return std::log(values.back() / values[4]) / (exact.x.back() - exact.x[4]);
  };
  result.rows.push_back(
      {"growth of log |exact gradient| a step, median, T = 20 to 100", 0.68, growth(typical)});
  result.rows.push_back(
      {"growth of its log deviation a step, T = 20 to 100", 0.68, growth(exact.y)});
  result.rows.push_back({"growth of ES's log deviation a step, T = 20 to 100", 0, growth(es.y)});
  deviations.series = {exact, es};

  add_logistic_rows(result);
  result.figures.emplace_back("gradient-norm", std::move(norms));
  result.figures.emplace_back("deviation", std::move(deviations));
  return result;
}

}  // namespace metatape::cli
