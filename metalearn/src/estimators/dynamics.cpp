#include "metatape/metalearn/estimators/dynamics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/unroll/unroll.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

constexpr std::array objectives{RunObjective::sum, RunObjective::final_value,
                                RunObjective::log_ratio, RunObjective::mean_log_ratio};

constexpr std::string_view settings_name = "settings";
bool of_settings(const ParamEntry& e) { return e.name.starts_with("settings."); }

// φ without the instance's settings: what the optimizer knows.
Bound rates_of(const Bound& phi) {
  if (std::ranges::none_of(phi.entries(), of_settings)) return phi;
  std::vector<std::pair<std::string, Shape>> shapes;
  std::vector<Var> tensors;
  for (std::size_t i = 0; i < phi.count(); ++i)
    if (const ParamEntry& e = phi.entries()[i]; !of_settings(e)) {
      shapes.emplace_back(e.name, e.shape);
      tensors.push_back(phi[i]);
    }
  return {std::make_shared<const Layout>(std::move(shapes)), std::move(tensors)};
}
Params rates_of(const Params& phi) {
  if (std::ranges::none_of(phi.entries(), of_settings)) return phi;
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (std::size_t i = 0; i < phi.entries().size(); ++i)
    if (const ParamEntry& e = phi.entries()[i]; !of_settings(e))
      tensors.emplace_back(e.name, phi[i]);
  if (tensors.empty()) return Params::zeros(std::make_shared<const Layout>(), phi.dtype());
  return Params(tensors);
}

// An optimizer at work; what `visit` captures.
struct Minimisation {
  tasks::OptimizeeInstance instance;
  AnyOptimizer optimizer;
  Key key;
  MinimisationOptions options;
  std::shared_ptr<const Layout> theta, memory, state;

  [[nodiscard]] Var value(const Bound& settings, const Bound& at, std::int64_t t,
                          bool judged) const {
    const Key of_step = key.split("step", static_cast<std::uint64_t>(t));
    if (settings.count() > 0)
      return judged && instance.objective_with ? instance.objective_with(at, settings, of_step)
                                               : instance.loss_with(at, settings, of_step);
    return judged && instance.objective ? instance.objective(at, of_step)
                                        : instance.loss(at, of_step);
  }
  [[nodiscard]] bool counts(std::int64_t t) const {
    switch (options.objective) {
      case RunObjective::sum:
        return t > 0;
      case RunObjective::final_value:
        return t == options.steps;
      case RunObjective::log_ratio:
        return t == 0 || t == options.steps;
      case RunObjective::mean_log_ratio:
        return true;
    }
    return false;
  }
  [[nodiscard]] Var counted(Var f, std::int64_t t) const {
    const double share = 1 / static_cast<double>(options.steps);
    switch (options.objective) {
      case RunObjective::log_ratio:
        return mean(log(f)) * (t == 0 ? -share : share);
      case RunObjective::mean_log_ratio:
        return mean(log(f)) * (t == 0 ? -1 : share);
      default:
        return mean(f);
    }
  }

  Visit operator()(const Bound& phi, const Bound& s, const Moment& moment) const {
    Visit v;
    Tape& tape = s[0].tape();
    const std::int64_t t = moment.t, n = theta->size(), h = memory->size();
    const Bound settings = phi.inside(settings_name), rates = rates_of(phi);
    const Var joint = s.flat();
    const Bound here(theta, view_range(joint, 0, Shape{n}));
    const Bound remembered = h > 0 ? Bound(memory, view_range(joint, n, Shape{h})) : Bound{};
    Bound at = optimizer.queries() ? optimizer.query(rates, here, remembered) : here;
    const bool depends =
        at.flat().differentiable() || (settings.count() > 0 && settings.flat().differentiable());
    if (!at.flat().differentiable())  // a leaf, so that a gradient can be taken there
      at = Bound(theta, tape.variable(at.flat().value()));

    const bool judged = moment.loss && counts(t);
    const bool apart = instance.objective || optimizer.queries();
    Var f;
    if (moment.move || (judged && !apart)) f = value(settings, at, t, false);
    if (judged) v.loss = counted(apart ? value(settings, here, t, true) : f, t);
    if (!moment.move) return v;

    const Var total = sum(f);
    const Var gradient = moment.order == Order::exact && depends
                             ? recorded_grad(total, at.flat())
                             : tape.constant(grad(total, at.flat()));
    const OptimizerOutput out = optimizer.step(rates,
                                               {.theta = here,
                                                .gradient = Bound(theta, gradient),
                                                .loss = tape.constant(total.item(), joint.dtype()),
                                                .step = t,
                                                .functions = instance.functions},
                                               remembered);
    const Var moved = here.flat() + out.updates.flat();
    v.next = Bound(state, h > 0 ? concat({moved, out.state.flat()}) : moved);
    return v;
  }
};

}  // namespace

Dynamics dynamics(std::int64_t steps, Params start,
                  std::function<std::vector<Var>(const Bound&, const Bound&, std::int64_t)> step,
                  std::function<Var(const Bound&, const Bound&, std::int64_t)> loss) {
  const auto layout = start.layout();
  return {.steps = steps,
          .start = std::move(start),
          .visit = [layout, step = std::move(step), loss = std::move(loss)](
                       const Bound& phi, const Bound& state, const Moment& m) {
            Visit v;
            if (m.loss && m.t > 0) v.loss = loss(phi, state, m.t);
            if (m.move) v.next = Bound(layout, step(phi, state, m.t));
            return v;
          }};
}

RunObjective run_objective(std::string_view name) {
  std::vector<std::string> names;
  for (const RunObjective o : objectives) {
    if (name == to_string(o)) return o;
    names.emplace_back(to_string(o));
  }
  throw DataError(
      fmt::format("unknown objective '{}'{}: sum, final, log_ratio or mean_log_ratio "
                  "expected",
                  name, tasks::did_you_mean(name, names)));
}

const char* to_string(RunObjective objective) {
  switch (objective) {
    case RunObjective::sum:
      return "sum";
    case RunObjective::final_value:
      return "final";
    case RunObjective::log_ratio:
      return "log_ratio";
    case RunObjective::mean_log_ratio:
      return "mean_log_ratio";
  }
  return "";
}

Dynamics minimisation(tasks::OptimizeeInstance instance, AnyOptimizer optimizer, const Params& phi,
                      Key key, const MinimisationOptions& options) {
  if (options.steps < 1)
    throw DataError(fmt::format("minimisation: {} steps: at least 1 is needed", options.steps));
  if (std::ranges::any_of(phi.entries(), of_settings) && !instance.loss_with)
    throw DataError("minimisation: phi has settings, but the function has none");
  const RunState first = start_of(instance, optimizer, rates_of(phi), key);
  Params start = first.theta.prefixed("theta");
  if (!first.state.empty()) start = Params::join({start, first.state.prefixed("state")});
  return {.steps = options.steps,
          .start = start,
          .visit = Minimisation{std::move(instance), std::move(optimizer), key, options,
                                first.theta.layout(), first.state.layout(), start.layout()},
          .has_orders = true};
}

System minimisations(tasks::AnyOptimizee problem, AnyOptimizer optimizer,
                     MinimisationOptions options) {
  return [=, problem = std::move(problem), optimizer = std::move(optimizer)](const Params& phi,
                                                                             Key key) {
    return minimisation(problem.sample(key.split("instance"), phi.dtype()), optimizer, phi,
                        key.split("run"), options);
  };
}

}  // namespace metatape::metalearn
