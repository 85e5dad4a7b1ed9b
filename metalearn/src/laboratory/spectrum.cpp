// spectrum.cpp: a few vectors through the run's Jacobians, forwards and backwards, made orthonormal
// at every step. States are kept, steps are recorded anew each time they are passed.
#include "metatape/metalearn/laboratory/spectrum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "../estimators/pushforward.hpp"
#include "../estimators/walk.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/random.hpp"
#include "small_algebra.hpp"

namespace metatape::metalearn {

namespace {

using detail::ScaledRows;
using detail::Vector;
using detail::Vectors;

// Vectors beside those asked for: convergence goes by the ratio of the last one asked for to the
// first one left out.
constexpr std::int64_t spare = 4;

class Jacobians {
 public:
  Jacobians(const Dynamics& run, const Params& phi, Tape& tape)
      : run_(run), phi_(phi), tape_(tape) {
    const detail::Walked w =
        detail::walk(run, phi, run.start, {0, run.steps}, tape,
                     [&](std::int64_t, const Params& state) { states_.push_back(state); });
    if (w.diverged)
      throw DataError(
          fmt::format("spectrum: the run diverges at step {} of {}", *w.diverged, run.steps));
  }

  // V becomes the Q of J_{T-1} ... J_0 V = Q R; `each` is told the factors of R, step by step.
  template <class Each>
  void forward(Vectors& columns, const Each& each) const {
    for (std::size_t t = 0; t < states_.size(); ++t) {
      const Tape::Scope scope(tape_);
      const auto [state, next] = step(t);
      const detail::Pushforward push(next, state);
      for (Vector& v : columns) v = push(tensor(v)).to_vector();
      each(detail::orthonormalise(columns));
    }
  }

  // The same with the transpose, J_0ᵀ ... J_{T-1}ᵀ.
  void backward(Vectors& columns) const {
    for (std::size_t t = states_.size(); t-- > 0;) {
      const Tape::Scope scope(tape_);
      const auto [state, next] = step(t);
      for (Vector& v : columns)
        if (next.differentiable())
          v = vector_jacobian(next, std::span<const Var>(&state, 1), tensor(v)).front().to_vector();
        else
          v.assign(v.size(), 0);
      detail::orthonormalise(columns);
    }
  }

 private:
  [[nodiscard]] std::pair<Var, Var> step(std::size_t t) const {
    const Bound state = detail::place(tape_, states_[t], true);
    const Visit v = run_.visit(detail::place(tape_, phi_, false), state,
                               {.t = static_cast<std::int64_t>(t), .loss = false});
    return {state.flat(), v.next.flat()};
  }
  [[nodiscard]] Tensor tensor(const Vector& v) const {
    return Tensor(Shape{std::ssize(v)}, std::span<const double>(v)).to(run_.start.dtype());
  }

  const Dynamics& run_;
  const Params& phi_;
  Tape& tape_;
  std::vector<Params> states_;
};

// Drawn, or all coordinates.
Vectors first_vectors(std::int64_t size, std::int64_t count, Key key) {
  Vectors columns;
  for (std::int64_t j = 0; j < count; ++j) {
    if (count < size) {
      columns.push_back(
          normal({size}, key.split("vector", static_cast<std::uint64_t>(j)), DType::f64)
              .to_vector());
    } else {
      columns.emplace_back(static_cast<std::size_t>(size), 0.0);
      columns.back()[static_cast<std::size_t>(j)] = 1;
    }
  }
  detail::orthonormalise(columns);
  return columns;
}

Vectors combined(const Vectors& columns, const Vectors& weights) {
  Vectors out(weights.size(), Vector(columns.front().size()));
  for (std::size_t j = 0; j < weights.size(); ++j)
    for (std::size_t c = 0; c < columns.size(); ++c)
      for (std::size_t i = 0; i < out[j].size(); ++i) out[j][i] += weights[j][c] * columns[c][i];
  return out;
}

// Of the first `count`; |log a - log b| is the relative change.
double change(const Vector& now, const Vector& before, std::size_t count) {
  if (before.empty()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (now[i] != before[i]) most = std::max(most, std::abs(now[i] - before[i]));
  return most;
}

}  // namespace

Spectrum spectrum_of(const Dynamics& run, const Params& phi, const SpectrumOptions& options,
                     Threads* threads) {
  if (options.count < 1)
    throw DataError(fmt::format("spectrum: {} singular values: 1 or more expected", options.count));
  if (options.iterations < 1)
    throw DataError(fmt::format("spectrum: {} iterations: 1 or more expected", options.iterations));
  const std::int64_t size = run.start.size();
  if (size == 0 || run.steps < 1)
    throw DataError(
        fmt::format("spectrum: a run of {} steps of {} numbers has no Jacobian", run.steps, size));
  const EstimatorScratch scratch(threads);
  const Jacobians jacobians(run, phi, scratch.tape());
  const auto count = static_cast<std::size_t>(std::min<std::int64_t>(options.count, size));
  const double rounding = run.start.dtype() == DType::f64 ? std::numeric_limits<double>::epsilon()
                                                          : std::numeric_limits<float>::epsilon();
  const double tolerance = std::max(options.tolerance, static_cast<double>(run.steps) * rounding);

  Spectrum s;
  Vectors right = first_vectors(size, std::min(options.count + spare, size), options.key);
  Vector found;
  while (s.iterations < options.iterations) {
    Vectors q = right;
    ScaledRows product = ScaledRows::identity(q.size());
    jacobians.forward(q, [&](const Vectors& r) { product.multiply_by(r); });
    const detail::Singular now = detail::singular(std::move(product));
    ++s.iterations;
    s.converged = change(now.logs, found, count) <= tolerance;
    found = now.logs;
    right = combined(right, now.vectors);
    if (s.converged || s.iterations == options.iterations || (options.stop && options.stop()))
      break;
    jacobians.backward(q);
    right = std::move(q);
  }

  // Once more from the singular vectors found: in order and nearly orthogonal at the end, so that
  // small values are at their most precise, and the way there can be told.
  right.resize(count);
  ScaledRows product = ScaledRows::identity(count);
  double grown = 0;
  jacobians.forward(right, [&](const Vectors& r) {
    product.multiply_by(r);
    s.growth.push_back(grown += std::log(r[0][0]));
  });
  s.log_singular_values = detail::singular(std::move(product)).logs;
  for (const double l : s.log_singular_values) s.singular_values.push_back(std::exp(l));

  s.lyapunov.assign(count, 0);
  jacobians.forward(right, [&](const Vectors& r) {
    for (std::size_t j = 0; j < count; ++j)
      s.lyapunov[j] += std::log(r[j][j]) / static_cast<double>(run.steps);
  });
  std::ranges::sort(s.lyapunov, std::greater<>());
  return s;
}

}  // namespace metatape::metalearn
