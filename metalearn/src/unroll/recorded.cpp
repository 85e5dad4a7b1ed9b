// recorded.cpp: all steps on one tape, and one sweep back: the plain definition, which the other
// passes are held to. In first order each loss stands on it as a node that knows its gradient.
#include <cmath>
#include <limits>

#include "job.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn::detail {

namespace {

Tensor times(const Tensor& x, double a) {
  Tensor y = x;
  visit(y.dtype(), [&]<class T>(T) {
    for (T& v : y.mutable_values<T>()) v *= static_cast<T>(a);
  });
  return y;
}

void fill(const Job& job, Var l, const Bound& phi, Var theta, Unrolled& result) {
  if (!l.differentiable()) return;
  std::vector<Var> inputs{theta};
  if (phi.count() > 0) inputs.push_back(phi.flat());
  const std::vector<Tensor> d = grad(l, inputs);
  result.theta_gradient = Params(job.from.theta.layout(), d[0]);
  if (phi.count() > 0) result.gradient = Params(job.phi.layout(), d[1]);
}

OptimizerOutput step(const Job& job, Tape& tape, const Bound& phi, const Bound& theta,
                     const Bound& gradient, double loss, std::int64_t t, const Bound& state) {
  return job.optimizer.step(phi,
                            {.theta = theta,
                             .gradient = gradient,
                             .loss = tape.constant(loss, job.dtype()),
                             .step = job.from.step + t,
                             .functions = job.instance.functions},
                            state);
}

// The run's ∇_t come from the forward pass, so that both see the same tensors.
void first_order(const Job& job, Tape& tape, Unrolled& result) {
  Track track = forward(job, false);
  result = result_of(job, track);
  if (track.diverged) return;
  const Pull pull = pull_of(job, track);
  result.loss = pull.loss;

  const Bound phi = bound_of(tape, job.phi.layout(), job.phi, true);
  const Var start = tape.variable(job.from.theta.flat());
  const auto layout = job.from.theta.layout();
  Bound state = bound_of(tape, job.from.state.layout(), job.from.state, false);
  Var theta = start, l;
  for (std::int64_t t = 0; t <= job.steps(); ++t) {
    const auto at = static_cast<std::size_t>(t);
    if (pull.weight[at] != 0) {
      const Var term = known_gradient(0, theta, times(track.judged[at], pull.weight[at]));
      l = l.valid() ? l + term : term;
    }
    if (t == job.steps()) break;
    OptimizerOutput out =
        step(job, tape, phi, Bound(layout, theta),
             Bound(layout, tape.constant(track.gradients[at])), track.read[at], t, state);
    theta = theta + out.updates.flat();
    state = out.state;
  }
  if (l.valid()) fill(job, l, phi, start, result);
}

void exact_order(const Job& job, Tape& tape, Unrolled& result) {
  const Bound phi = bound_of(tape, job.phi.layout(), job.phi, true);
  Bound theta = bind(tape, job.from.theta);
  const Var start = theta.flat();
  Bound state = bound_of(tape, job.from.state.layout(), job.from.state, false);
  std::vector<Var> losses;
  Track track;
  std::int64_t t = 0;
  for (;; ++t) {
    Var judged;
    if (job.judged_at(t)) {
      judged = job.objective(theta, t);
      losses.push_back(judged);
      track.losses.push_back(judged.value());
      if (!std::isfinite(sum(judged).item())) {
        track.diverged = job.from.step + t;
        break;
      }
    }
    if (t == job.steps()) break;
    const bool queries = job.optimizer.queries();
    const Bound at = queries ? job.optimizer.query(phi, theta, state) : theta;
    const Var loss = sum(job.judged_apart() || !judged.valid() ? job.loss(at, t) : judged);
    if (!std::isfinite(loss.item())) {
      track.diverged = job.from.step + t;
      break;
    }
    const Bound gradient(theta.layout(), recorded_grad(loss, at.flat()));
    OptimizerOutput out = step(job, tape, phi, theta, gradient, loss.item(), t, state);
    theta = Bound(theta.layout(), theta.flat() + out.updates.flat());
    state = out.state;
  }
  track.end = {theta.value(), state.count() > 0 ? state.value() : job.from.state,
               job.from.step + t};
  result = result_of(job, track);
  if (track.diverged) return;
  const Var l = objective_of(job, stack(losses));
  result.loss = l.item();
  if (job.options.gradient) fill(job, l, phi, start, result);
}

}  // namespace

Unrolled recorded(const Job& job) {
  Unrolled result;
  Tape& tape = job.scratch.tape(0);
  const Tape::Scope scope(tape);
  if (job.options.order == Order::first)
    first_order(job, tape, result);
  else
    exact_order(job, tape, result);
  return result;
}

}  // namespace metatape::metalearn::detail
