// pes_bias.cpp: influence balancing learned online, an update of θ after every step: what a window
// of one step makes of each estimator.
#include <fmt/format.h>

#include <array>

#include "metatape/metalearn/estimators/closed_systems.hpp"
#include "metatape/metalearn/estimators/evolution.hpp"
#include "metatape/metalearn/estimators/forward.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/estimators/training.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "studies.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyEstimator;
using metalearn::InfluenceBalancing;
using metalearn::WindowedEs;

constexpr double theta_start = 0.5, optimum = -1.0 / 6, sigma = 0.1;
constexpr int updates = 3000;

// θ after each update; update n is after step n·window of one run that never ends.
std::vector<double> learned(const AnyEstimator& estimator, std::int64_t window, double rate,
                            Key key, const StudyContext& context) {
  const metalearn::System system = [window](const Params&, Key) {
    return InfluenceBalancing{}.run(updates * window);
  };
  metalearn::Trainer trainer(metalearn::estimator_objective(system, estimator, false),
                             InfluenceBalancing::phi(theta_start),
                             {.optimizer = metalearn::Sgd{.learning_rate = rate}}, key,
                             &context.threads);
  std::vector<double> thetas{theta_start};
  train(trainer, updates, "updates by " + estimator.name(), context,
        [&](const auto&) { thetas.push_back(trainer.phi()["theta"].item()); });
  return thetas;
}

struct Contestant {
  const char* name;
  AnyEstimator estimator;
  std::int64_t window = 1;
  double rate = 1e-4;
  int seeds = 1;
  std::optional<double> end{};  ///< θ that it should come to
};

}  // namespace

StudyResult pes_bias(const StudyContext& context) {
  StudyResult result;
  const InfluenceBalancing chain;
  const Params phi = InfluenceBalancing::phi(theta_start);
  for (const auto& [window, slope] : {std::pair{1, -4.0},
                                      {5, -20},
                                      {10, -40},
                                      {20, -65.90423584},
                                      {30, -39.479728371},
                                      {40, -2.2621521578},
                                      {50, 19.010682376},
                                      {100, 23.999999913}})
    result.rows.push_back(
        {fmt::format("slope at rest seen through {} step{}", window, window == 1 ? "" : "s"), slope,
         metalearn::estimate({}, chain.run_at_rest(window, theta_start), phi)
             .gradient["theta"]
             .item()});

  const int pairs = context.paper ? 1000 : 100, seeds = context.paper ? 5 : 3;
  const auto es = [&](WindowedEs::Kind kind) {
    return WindowedEs{.kind = kind, .pairs = pairs, .sigma = sigma, .length = 1};
  };
  const metalearn::Forward forward{.answer_every = 1};
  const metalearn::Uoro uoro{.answer_every = 1};
  const std::vector<Contestant> contestants = {
      {.name = "truncated reverse mode", .estimator = metalearn::Reverse{.truncation = 1}},
      {.name = "truncated ES", .estimator = es(WindowedEs::Kind::truncated), .seeds = seeds},
      {.name = "PES",
       .estimator = es(WindowedEs::Kind::persistent),
       .seeds = seeds,
       .end = optimum},
      {.name = "forward mode (RTRL)", .estimator = forward, .end = optimum},
      {.name = "UORO", .estimator = uoro, .rate = 1e-5, .seeds = 30},
      {.name = "forward mode at UORO's rate", .estimator = forward, .rate = 1e-5},
  };
  Figure thetas{.title = "Influence balancing, an update a step",
                .x_label = "updates",
                .y_label = "theta",
                .levels = {{"optimum", optimum}}};
  Figure losses{.title = "Influence balancing, an update a step",
                .x_label = "updates",
                .y_label = "loss at rest",
                .log_y = true};
  for (const Contestant& c : contestants) {
    std::vector<double> ends, end_losses;
    for (int seed = 0; seed < c.seeds; ++seed) {
      const Key key = Key{context.seed}.split("run", static_cast<std::uint64_t>(seed));
      const std::vector<double> path = learned(c.estimator, c.window, c.rate, key, context);
      ends.push_back(path.back());
      end_losses.push_back(chain.loss_at_rest(path.back()));
      if (seed > 0) continue;
      Series theta{.name = c.name}, loss{.name = c.name};
      for (std::size_t n = 0; n < path.size(); n += 20) {
        theta.x.push_back(static_cast<double>(n));
        theta.y.push_back(path[n]);
        loss.x.push_back(static_cast<double>(n));
        loss.y.push_back(chain.loss_at_rest(path[n]));
      }
      thetas.series.push_back(std::move(theta));
      losses.series.push_back(std::move(loss));
    }
    const MeanOf end = mean_of(ends), loss = mean_of(end_losses);
    const char* fresh = c.seeds > 1 ? ", mean of seeds" : "";
    result.rows.push_back({fmt::format("θ after {} updates, {}{}", updates, c.name, fresh), c.end,
                           end.mean, end.ci95});
    result.rows.push_back({"loss at rest there (8 at the start)",
                           c.end ? std::optional(0.0) : std::nullopt, loss.mean, loss.ci95});
  }
  result.figures.emplace_back("theta", std::move(thetas));
  result.figures.emplace_back("loss", std::move(losses));
  return result;
}

}  // namespace metatape::cli
