// show.cpp: `metatape optimizer show`: what an optimizer does, seen from outside (its updates
// against gradients and their history) and from inside (its state along a run).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../commands.hpp"
#include "learned.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyOptimizer;

// One optimizer's θ and state, stepped by gradients that are handed in.
class Stepper {
 public:
  Stepper(const AnyOptimizer& optimizer, const Params& theta)
      : optimizer_(optimizer),
        phi_(optimizer.phi(theta.dtype())),
        theta_(theta),
        state_(optimizer.init_state(theta)) {}

  // The update, which θ has then made.
  Tensor step(const Params& gradient) {
    const Tape::Scope scope(tape_);
    const auto out = optimizer_.step(bind_constant(tape_, phi_),
                                     {.theta = bind_constant(tape_, theta_),
                                      .gradient = bind_constant(tape_, gradient),
                                      .step = steps_++},
                                     bind_constant(tape_, state_));
    const Params updates = out.updates.value();
    state_ = out.state.value();
    theta_.add_scaled(1, updates);
    return updates.flat();
  }
  [[nodiscard]] const Params& theta() const { return theta_; }
  [[nodiscard]] const Params& state() const { return state_; }

 private:
  AnyOptimizer optimizer_;
  Params phi_, theta_, state_;
  Tape tape_{Recording::off};
  std::int64_t steps_ = 0;
};

constexpr int magnitudes = 101;  // from 1e-8 to 1e2

double magnitude(int i) { return std::pow(10.0, -8 + 10.0 * i / (magnitudes - 1)); }

// The update to a gradient of each magnitude after `before` steps with the same gradient, or with
// its opposite.
Series response(const AnyOptimizer& optimizer, int before, double sign, std::string name) {
  const Params start({{"theta", Tensor::zeros({magnitudes})}});
  std::vector<float> now, then;
  for (int i = 0; i < magnitudes; ++i) {
    now.push_back(static_cast<float>(magnitude(i)));
    then.push_back(static_cast<float>(sign * magnitude(i)));
  }
  Stepper stepper(optimizer, start);
  for (int t = 0; t < before; ++t) stepper.step(Params({{"theta", Tensor({magnitudes}, then)}}));
  const Tensor update = stepper.step(Params({{"theta", Tensor({magnitudes}, now)}}));
  Series series{.name = std::move(name)};
  for (int i = 0; i < magnitudes; ++i) {
    series.x.push_back(magnitude(i));
    series.y.push_back(update.at(i));
  }
  return series;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return std::nan("");
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// A tensor of the state whose last axis is the coordinates.
struct Trace {
  std::string tensor;
  std::int64_t units = 1;
};

std::vector<Trace> traces_of(const Params& state, std::int64_t coordinates) {
  std::vector<Trace> traces;
  for (const ParamEntry& e : state.entries())
    if (e.shape.rank() >= 1 && e.shape[e.shape.rank() - 1] == coordinates)
      traces.push_back({e.name, e.shape.size() / coordinates});
  return traces;
}

}  // namespace

int optimizer_show(Invocation& in) {
  ProblemSettings problem;
  std::string run, spec;
  int coordinates = 4, units = 3;
  in.settings.section("Optimizer");
  in.settings.add("run", run, "a run of `optimizer train`, or its checkpoint",
                  {.value_name = "DIR|FILE"});
  in.settings.add("optimizer", spec, "instead: a hand-crafted one",
                  {.value_name = "NAME:KEY=VALUE,..."});
  problem.declare(in.settings);
  in.settings.section("Traces");
  in.settings.add("coordinates", coordinates, "whose state is drawn, spread over all of them",
                  {.least = 1, .most = 20});
  in.settings.add("units", units, "of each tensor of the state", {.least = 1, .most = 20});
  in.take({.seed = true, .out = true, .profile = true});
  in.parse();
  if (run.empty() == spec.empty())
    throw UsageError(run.empty() ? "show needs --run DIR, or --optimizer NAME"
                                 : "--run says which optimizer: leave out --optimizer");
  if (in.common.out.empty()) throw UsageError("show needs --out DIR for its figures");
  const AnyOptimizer optimizer = run.empty() ? hand_crafted(spec) : load_learned(run);
  const tasks::AnyOptimizee optimizee = problem.make(tasks::Purpose::evaluate);
  const RunFolder* out = in.open_out();
  const std::filesystem::path figures = out->figures();
  const std::string name = run.empty() ? spec : optimizer.name();

  // ---- from outside: update against gradient, for histories of one, five and twenty steps
  if (optimizer.coordinatewise()) {
    Figure phase{.title = "Update of " + name + " against the gradient",
                 .x_label = "gradient (positive)",
                 .y_label = "update",
                 .log_x = true};
    for (const int before : {0, 4, 19})
      phase.series.push_back(
          response(optimizer, before, 1, fmt::format("the same gradient {} times", before + 1)));
    phase.series.push_back(response(optimizer, 19, -1, "after 19 of the opposite sign"));
    phase.series.push_back(response(optimizer, 19, 0, "after 19 of zero"));
    write_figure(phase, figures, "update-by-gradient", in.console);
  } else {
    in.console.note("its coordinates see each other: no figure of updates against gradients");
  }

  // ---- along a run: losses, the implied step size -update / gradient, states of some coordinates
  const Key key = evaluation_key(in.common.seed);
  const tasks::OptimizeeInstance f = optimizee.sample(key.split("instance", 0));
  const std::int64_t n = f.initial.size();
  Stepper stepper(optimizer, f.initial);
  Series losses{.name = "loss"}, rate{.name = "median, and 10 % to 90 %"};
  std::vector<std::int64_t> chosen;
  for (int i = 0; i < coordinates && i < n; ++i)
    chosen.push_back((2 * i + 1) * n / (2 * std::min<std::int64_t>(coordinates, n)));
  const std::vector<Trace> traced = traces_of(stepper.state(), n);
  std::vector<Figure> inside;
  for (const Trace& t : traced) {
    Figure figure{.title = fmt::format("{}: {} along a run", name, t.tensor),
                  .x_label = "step",
                  .y_label = t.tensor};
    for (const std::int64_t c : chosen)
      for (std::int64_t u = 0; u < std::min<std::int64_t>(units, t.units); ++u)
        figure.series.push_back({.name = t.units > 1 ? fmt::format("coordinate {}, unit {}", c, u)
                                                     : fmt::format("coordinate {}", c)});
    inside.push_back(std::move(figure));
  }
  Series moved{.name = "update"}, slope{.name = "gradient"};
  Tape tape;
  std::int64_t ended = -1;
  for (int t = 0; t < problem.steps; ++t) {
    Params gradient;
    {
      const Tape::Scope scope(tape);
      const Bound theta = bind(tape, stepper.theta());
      const Var loss =
          sum(f.loss(theta, key.split("run", 0).split("step", static_cast<std::uint64_t>(t))));
      const double value = loss.item();
      if (!std::isfinite(value)) {
        ended = t;
        break;
      }
      losses.x.push_back(t);
      losses.y.push_back(value / f.functions);
      gradient = grad(loss, theta);
    }
    const Tensor update = stepper.step(gradient);
    std::vector<double> rates;
    for (std::int64_t i = 0; i < n; ++i)
      if (gradient.flat().at(i) != 0) rates.push_back(-update.at(i) / gradient.flat().at(i));
    rate.x.push_back(t);
    rate.y.push_back(quantile(rates, 0.5));
    rate.low.push_back(quantile(rates, 0.1));
    rate.high.push_back(quantile(rates, 0.9));
    moved.x.push_back(t);
    moved.y.push_back(update.at(chosen[0]));
    slope.x.push_back(t);
    slope.y.push_back(gradient.flat().at(chosen[0]));
    for (std::size_t k = 0; k < traced.size(); ++k) {
      const Tensor state = stepper.state()[traced[k].tensor];
      std::size_t s = 0;
      for (const std::int64_t c : chosen)
        for (std::int64_t u = 0; u < std::min<std::int64_t>(units, traced[k].units); ++u, ++s) {
          inside[k].series[s].x.push_back(t);
          inside[k].series[s].y.push_back(state.at(u * n + c));
        }
    }
  }
  if (ended >= 0)
    in.console.warn(fmt::format("the run diverges at step {}: figures end there", ended));

  write_figure({.title = fmt::format("{} on {}", name, problem.optimizee),
                .x_label = "step",
                .y_label = "loss",
                .log_y = true,
                .series = {losses}},
               figures, "loss", in.console);
  write_figure({.title = "Implied step size, -update / gradient, over coordinates",
                .x_label = "step",
                .y_label = "step size",
                .series = {rate}},
               figures, "step-size", in.console);
  write_figure({.title = fmt::format("Coordinate {}", chosen[0]),
                .x_label = "step",
                .y_label = "value",
                .series = {slope, moved}},
               figures, "coordinate", in.console);
  std::vector<std::string> names{"loss", "step-size", "coordinate"};
  if (optimizer.coordinatewise()) names.insert(names.begin(), "update-by-gradient");
  for (std::size_t k = 0; k < inside.size(); ++k) {
    names.push_back("state-" + traced[k].tensor);
    write_figure(inside[k], figures, names.back(), in.console);
  }
  in.console.print(
      fmt::format("{} figures in {}: {}\n", names.size(), figures.string(), joined(names, ", ")));
  in.finish({{"optimizer", optimizer.spec()},
             {"optimizee", problem.optimizee},
             {"steps", problem.steps},
             {"coordinates", n},
             {"diverged_at", ended < 0 ? Json(nullptr) : Json(ended)},
             {"loss", losses.y.empty() ? std::nan("") : losses.y.back()},
             {"figures", names}});
  return exit_done;
}

}  // namespace metatape::cli
