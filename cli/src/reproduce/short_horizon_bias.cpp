// short_horizon_bias.cpp: on the noisy quadratic, rates chosen for a short horizon, or for the next
// step alone, against those that are best in the end. Closed forms stand in tasks; here the same
// rates are found by gradients through the unrolled moments.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/metalearn/estimators/closed_systems.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/estimators/training.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "studies.hpp"

namespace metatape::cli {

namespace {

using metalearn::noisy_quadratic_run;
using metalearn::RateOf;
using tasks::NoisyQuadratic;

Params numbers(const std::vector<std::pair<std::string, double>>& values) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& [name, value] : values)
    all.emplace_back(name, Tensor::scalar(value, DType::f64));
  return Params(all);
}

double value_of(const Params& phi, std::string_view name) { return phi[name].item(); }

// φ by Adam on exact hyper-gradients of the whole run.
Params descended(const NoisyQuadratic& q, std::int64_t horizon, const RateOf& rate,
                 const Params& phi, int updates, double step, const StudyContext& context) {
  const metalearn::System system = [q, horizon, rate](const Params&, Key) {
    return noisy_quadratic_run(q, horizon, rate);
  };
  metalearn::Trainer trainer(
      metalearn::estimator_objective(system, metalearn::Reverse{.segment = 100}), phi,
      {.optimizer = metalearn::Adam{.learning_rate = step, .beta2 = 0.99},
       .schedule = metalearn::cosine(updates)},
      Key{context.seed});
  train(trainer, updates, fmt::format("updates for {} steps", horizon), context);
  return trainer.phi();
}

Var constant_rate(const Bound& phi, std::int64_t) { return exp(phi["log_rate"]); }

// a / (1 + t/τ)^k of log a, log τ, log k, what φ does not have being `held`.
Var decaying_rate(const Bound& phi, const Params& held, std::int64_t t) {
  Tape& tape = phi.flat().tape();
  const auto value = [&](const char* name) {
    return phi.contains(name) ? phi[name] : tape.constant(held[name]);
  };
  const Var later = log(1.0 + static_cast<double>(t) * exp(-value("log_tau")));
  return exp(value("log_a") - exp(value("log_k")) * later);
}
double decaying_rate(const Params& phi, std::int64_t t) {
  const double later = std::log1p(static_cast<double>(t) / std::exp(value_of(phi, "log_tau")));
  return std::exp(value_of(phi, "log_a") - std::exp(value_of(phi, "log_k")) * later);
}

// The best rate for one step: the expected loss after it is quadratic in the rate, so that two
// hyper-gradients of one-step runs tell where its slope is 0.
double greedy_by_gradients(const NoisyQuadratic& q, const std::vector<double>& moments,
                           metalearn::UnrollScratch& scratch) {
  NoisyQuadratic from = q;
  from.start = moments;
  const metalearn::Dynamics run =
      noisy_quadratic_run(from, 1, [](const Bound& phi, std::int64_t) { return phi["rate"]; });
  const auto slope = [&](double rate) {
    return metalearn::estimate({}, run, numbers({{"rate", rate}}), {}, scratch)
        .gradient["rate"]
        .item();
  };
  const double at_zero = slope(0);
  return at_zero / (at_zero - slope(1));
}

// Rates by step and what they lead to.
struct Path {
  std::string name;
  std::vector<double> rates{}, excess{};
};

Path walked(std::string name, const NoisyQuadratic& q, std::int64_t steps,
            const std::function<double(std::int64_t t, const std::vector<double>& moments)>& rate) {
  Path path{.name = std::move(name)};
  std::vector<double> moments = q.start;
  for (std::int64_t t = 0; t < steps; ++t) {
    path.rates.push_back(rate(t, moments));
    moments = q.step(moments, path.rates.back());
    path.excess.push_back(q.excess(moments));
  }
  return path;
}

Figure drawn(const std::vector<Path>& paths, const std::string& title, const std::string& label,
             std::vector<double> Path::*values) {
  Figure figure{.title = title, .x_label = "step", .y_label = label, .log_x = true, .log_y = true};
  for (const Path& p : paths) {
    Series s{.name = p.name};
    // points evenly on the logarithmic axis
    for (double at = 1; at <= static_cast<double>((p.*values).size());
         at = std::max(at + 1, std::floor(at * 1.05))) {
      s.x.push_back(at);
      s.y.push_back((p.*values)[static_cast<std::size_t>(at) - 1]);
    }
    figure.series.push_back(std::move(s));
  }
  return figure;
}

struct Horizon {
  std::int64_t steps;
  double rate, excess;  // closed form
};
constexpr std::array horizons{Horizon{10, 1.89778, 21.1327969}, Horizon{100, 1.63881, 0.801184242},
                              Horizon{1000, 0.340543, 0.0534580969},
                              Horizon{10000, 0.0449617, 0.00647689394}};
constexpr std::int64_t length = 2000;

}  // namespace

StudyResult short_horizon_bias(const StudyContext& context) {
  StudyResult result;
  const auto row = [&](std::string what, std::optional<double> paper, double measured) {
    result.rows.push_back({std::move(what), paper, measured});
  };
  const NoisyQuadratic noisy = NoisyQuadratic::harmonic(), calm = NoisyQuadratic::harmonic(100, 0);

  // ---- one rate for a whole run, by its length
  Params constant = numbers({{"log_rate", std::log(1.0)}});
  for (const Horizon& h : horizons) {
    constant = descended(noisy, h.steps, constant_rate, constant, 150, 0.1, context);
    const double rate = std::exp(value_of(constant, "log_rate"));
    row(fmt::format("best constant rate for {} steps", h.steps), h.rate, rate);
    row("excess loss after them", h.excess, noisy.excess(noisy.after(rate, h.steps)));
  }

  // ---- the next step's best rate, again and again
  metalearn::UnrollScratch scratch;
  Path greedy = walked("greedy", noisy, length, [&](std::int64_t, const std::vector<double>& a) {
    stop_if_asked();
    return greedy_by_gradients(noisy, a, scratch);
  });
  for (const auto& [step, rate, excess] : {std::tuple{10, 1.68366183676, 20.6344071102},
                                           {100, 0.471686236635, 1.83704312022},
                                           {1000, 0.042903291027, 0.152427190199}}) {
    const auto at = static_cast<std::size_t>(step) - 1;
    row(fmt::format("greedy rate of step {}", step), rate, greedy.rates[at]);
    row("excess loss after it", excess, greedy.excess[at]);
  }

  // ---- what each comes to in the end
  constant = descended(noisy, length, constant_rate, numbers({{"log_rate", std::log(0.3)}}), 150,
                       0.1, context);
  const double rate = std::exp(value_of(constant, "log_rate"));
  const auto best_decaying = [&](const std::string& name, const Params& free, const Params& held) {
    const Params found = descended(
        noisy, length,
        [held](const Bound& phi, std::int64_t t) { return decaying_rate(phi, held, t); }, free, 300,
        0.1, context);
    const Params all = held.empty() ? found : Params::join({held, found});
    return std::pair(all, walked(name, noisy, length,
                                 [&](std::int64_t t, auto&&) { return decaying_rate(all, t); }));
  };
  const Path steady = walked("best constant", noisy, length, [&](auto&&...) { return rate; });
  const auto [held, decaying] =
      best_decaying("best 1.9 / (1+t/τ)^k", numbers({{"log_tau", std::log(100.0)}, {"log_k", 0}}),
                    numbers({{"log_a", std::log(1.9)}}));
  const auto [freed, risky] = best_decaying("best a / (1+t/τ)^k", held, {});
  const std::string after = fmt::format("excess loss after {} steps, ", length);
  row(after + "greedy", 0.07656766397, greedy.excess.back());
  row(after + "best constant rate", 0.0281686, steady.excess.back());
  row("that rate", 0.187188, rate);
  row(after + "best 1.9/(1+t/τ)^k (left: best of a coarse grid)", 0.00564, decaying.excess.back());
  row("its τ (left: of the grid)", 257, std::exp(value_of(held, "log_tau")));
  row("its k (left: of the grid)", 2, std::exp(value_of(held, "log_k")));
  row("greedy is above it by a factor of", 0.07656766397 / 0.00564,
      greedy.excess.back() / decaying.excess.back());
  row(after + "best a/(1+t/τ)^k", {}, risky.excess.back());
  row("its a: above 2, the largest curvature's coordinate grows at first", {},
      std::exp(value_of(freed, "log_a")));
  row("largest excess loss on its way", {}, *std::ranges::max_element(risky.excess));

  // ---- without noise there is nothing to be gained by a rate that falls; greedy rates alternate
  const Path calm_greedy =
      walked("greedy, no noise", calm, length,
             [&](std::int64_t, const std::vector<double>& a) { return calm.greedy_rate(a); });
  for (const std::int64_t steps : {10, 100, 1000})
    row(fmt::format("no noise: best constant rate for {} steps", steps), {}, calm.best_rate(steps));
  for (const std::size_t steps : {10U, 100U, 1000U})
    row(fmt::format("no noise: greedy rate, mean of steps {} and {}", steps, steps + 1), {},
        (calm_greedy.rates[steps - 1] + calm_greedy.rates[steps]) / 2);

  std::vector<Path> paths{greedy, steady, decaying, risky};
  result.figures.emplace_back("rates", drawn(paths, "Learning rates on the noisy quadratic",
                                             "learning rate", &Path::rates));
  paths.pop_back();  // its loss rises by tens of orders on the way
  result.figures.emplace_back(
      "excess", drawn(paths, "What they lead to", "expected loss above its floor", &Path::excess));
  return result;
}

}  // namespace metatape::cli
