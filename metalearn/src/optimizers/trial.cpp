#include "metatape/metalearn/optimizers/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/autodiff/threads.hpp"

namespace metatape::metalearn {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Rows = std::vector<std::vector<double>>;

// Appends a step's values to the rows that have not ended. False when all have.
bool note(const Tensor& values, int step, Rows& rows) {
  bool any = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double v = values.at(static_cast<std::int64_t>(i));
    if (rows[i].size() == static_cast<std::size_t>(step) && std::isfinite(v)) {
      rows[i].push_back(v);
      any = true;
    }
  }
  return any;
}

// A worker's memory: losses and gradients on one tape, updates on the other.
struct Scratch {
  Tape losses, updates{Recording::off};
};

Rows run(const AnyOptimizer& optimizer, const tasks::OptimizeeInstance& f, Scratch& scratch,
         int steps, Key state_key, Key key) {
  Tape& tape = scratch.losses;
  Params theta = f.initial, gradient = theta.zeros_like();
  Params state = optimizer.init_state(theta, state_key);
  const Params phi = optimizer.phi(theta.dtype());
  Rows rows(static_cast<std::size_t>(f.functions));
  for (int t = 0; t <= steps; ++t) {
    const Tape::Scope scope(tape);
    const Key batch = key.split("step", static_cast<std::uint64_t>(t));
    const Bound at = bind(tape, theta);
    const Bound query = optimizer.query(bind_constant(tape, phi), at, bind_constant(tape, state));
    const Var loss = f.loss(query, batch);
    const Tensor judged = f.objective ? f.objective(at, batch).value() : loss.value();
    if (judged.size() != f.functions)
      throw ShapeError(fmt::format("optimizee: a loss of {} for {} functions side by side",
                                   to_string(judged.shape()), f.functions));
    if (!note(judged, t, rows) || t == steps) break;
    grad_into(sum(loss), query, gradient);
    optimizer.update(theta, gradient, state,
                     {.step = t, .functions = f.functions, .scratch = &scratch.updates});
  }
  return rows;
}

double mean_of(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += v;
  return x.empty() ? nan : total / static_cast<double>(x.size());
}

double half_width(const std::vector<double>& x, double mean) {
  if (x.size() < 2) return nan;
  double square = 0;
  for (const double v : x) square += (v - mean) * (v - mean);
  const auto n = static_cast<double>(x.size());
  return 1.96 * std::sqrt(square / (n - 1) / n);
}

// Between the two nearest of the sorted values, as NumPy's default.
double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return nan;
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Trial try_optimizer(const AnyOptimizer& optimizer, const tasks::AnyOptimizee& optimizee,
                    const TrialOptions& options) {
  if (options.steps < 1 || options.instances < 1)
    throw DataError(fmt::format("trial: {} steps of {} instances: at least 1 of each is needed",
                                options.steps, options.instances));
  const int workers = options.threads ? options.threads->count() : 1;
  std::vector<std::unique_ptr<Scratch>> scratch;
  for (int w = 0; w < workers; ++w) scratch.push_back(std::make_unique<Scratch>());

  std::vector<Rows> of(static_cast<std::size_t>(options.instances));
  std::mutex mutex;
  int done = 0;
  const auto one = [&](std::int64_t i, int worker) {
    {
      const std::lock_guard lock(mutex);
      if (options.stop && options.stop()) return;
    }
    const auto index = static_cast<std::uint64_t>(i);
    const tasks::OptimizeeInstance f =
        optimizee.sample(options.key.split("instance", index), options.dtype);
    of[static_cast<std::size_t>(i)] =
        run(optimizer, f, *scratch[static_cast<std::size_t>(worker)], options.steps,
            options.key.split("state", index), options.key.split("run", index));
    const std::lock_guard lock(mutex);
    ++done;
    if (options.progress) options.progress(done);
  };
  if (options.threads)
    options.threads->run(options.instances, one);
  else
    for (std::int64_t i = 0; i < options.instances; ++i) one(i, 0);

  Trial trial{.steps = options.steps};
  for (Rows& rows : of)
    for (std::vector<double>& row : rows) trial.losses.push_back(std::move(row));
  return trial;
}

TrialSummary summarise(const Trial& trial, int step) {
  const int last = step < 0 ? trial.steps : step;
  if (last > trial.steps)
    throw DataError(fmt::format("trial of {} steps: there is no step {}", trial.steps, step));
  const auto end = static_cast<std::size_t>(last);
  TrialSummary s{.functions = static_cast<int>(trial.losses.size())};
  std::vector<double> finals, fives, sums;
  for (const std::vector<double>& row : trial.losses) {
    if (row.size() <= end) {
      const int at = static_cast<int>(row.size());
      s.first_divergence = s.diverged == 0 ? at : std::min(s.first_divergence, at);
      ++s.diverged;
      continue;
    }
    finals.push_back(row[end]);
    if (row[end] > 10 * std::abs(row[0])) ++s.risen;
    const std::size_t first = end < 4 ? 0 : end - 4;
    double five = 0, total = 0;
    for (std::size_t t = first; t <= end; ++t)
      five += row[t] / static_cast<double>(end + 1 - first);
    for (std::size_t t = 1; t <= end; ++t) total += row[t];
    fives.push_back(five);
    sums.push_back(total);
  }
  s.mean = mean_of(finals);
  s.ci95 = half_width(finals, s.mean);
  s.last5 = mean_of(fives);
  s.last5_ci95 = half_width(fives, s.last5);
  s.sum = mean_of(sums);
  std::ranges::sort(finals);
  s.median = quantile(finals, 0.5);
  s.low = quantile(finals, 0.1);
  s.high = quantile(finals, 0.9);
  return s;
}

}  // namespace metatape::metalearn
