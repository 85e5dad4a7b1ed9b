// spectrum.cpp: a few vectors through the run's Jacobians, forwards and backwards, made orthonormal
// at every step. States are kept, steps are recorded anew each time they are passed.
#include "metatape/metalearn/laboratory/spectrum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <span>
#include <utility>

#include "../algebra/eigenvalues.hpp"
#include "../algebra/small_algebra.hpp"
#include "../estimators/pushforward.hpp"
#include "../estimators/walk.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/random.hpp"

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

// Of the first `count`; |log a - log b| is the relative change.
double change(const Vector& now, const Vector& before, std::size_t count) {
  if (before.empty()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (now[i] != before[i]) most = std::max(most, std::abs(now[i] - before[i]));
  return most;
}

// Tangents carried through the run: P start = end R, R the product, its diagonal e^logs.
struct Growth {
  Vectors start, end;
  ScaledRows product;
  Vector logs;
};

// (1/T) log R_jj. Where a pair of directions turns into one another, how R shares their growth
// between them depends on the angle at which the run ended; R startᵀ end, which is P on these
// directions, then has complex eigenvalues, whose modulus is the growth of both. Such eigenvalues
// are taken of those directions alone that grow alike within the run.
Vector exponents_of(const Growth& g, double steps) {
  constexpr double alike = 25;  // of logs: farther apart no pair can be
  const std::size_t n = g.logs.size();
  Vector exponents = g.logs;
  for (std::size_t first = 0; first < n;) {
    std::size_t last = first + 1;
    while (last < n && std::abs(g.logs[last - 1] - g.logs[last]) < alike) ++last;
    double top = -std::numeric_limits<double>::infinity();
    for (std::size_t i = first; i < last; ++i) top = std::max(top, g.product.logs[i]);
    Vectors block(last - first, Vector(last - first));
    for (std::size_t i = first; i < last; ++i)
      for (std::size_t j = first; j < last; ++j)
        for (std::size_t k = i; k < n; ++k)
          block[i - first][j - first] += std::exp(g.product.logs[i] - top) * g.product.rows[i][k] *
                                         detail::dot(g.start[k], g.end[j]);
    if (last - first > 1 && std::isfinite(top)) {
      const std::vector<std::complex<double>> values = detail::eigenvalues(block);
      if (std::ranges::any_of(values, [](const std::complex<double>& v) {
            return std::abs(v.imag()) > 1e-9 * std::abs(v);
          }))
        for (std::size_t i = first; i < last; ++i)
          exponents[i] = top + std::log(std::abs(values[i - first]));
    }
    first = last;
  }
  for (double& e : exponents) e /= steps;
  std::ranges::sort(exponents, std::greater<>());
  return exponents;
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
  const UnrollScratch scratch(threads);
  const Jacobians jacobians(run, phi, scratch.tape());
  const auto count = static_cast<std::size_t>(std::min<std::int64_t>(options.count, size));
  const double rounding = run.start.dtype() == DType::f64 ? std::numeric_limits<double>::epsilon()
                                                          : std::numeric_limits<float>::epsilon();
  const double tolerance = std::max(options.tolerance, static_cast<double>(run.steps) * rounding);

  Spectrum s;
  const auto q_count = static_cast<std::size_t>(std::min(options.count + spare, size));
  Vectors right = first_vectors(size, static_cast<std::int64_t>(q_count), options.key);
  Vector found;
  while (s.iterations < options.iterations) {
    Vectors q = right;
    ScaledRows product = ScaledRows::identity(q.size());
    jacobians.forward(q, [&](const Vectors& r) { product.multiply_by(r); });
    const detail::Singular now = detail::singular(std::move(product));
    ++s.iterations;
    s.converged = change(now.logs, found, count) <= tolerance;
    found = now.logs;
    right = detail::combined(right, now.vectors);
    if (s.converged || s.iterations == options.iterations || (options.stop && options.stop()))
      break;
    jacobians.backward(q);
    right = std::move(q);
  }

  // Once more from the singular vectors found: in order and nearly orthogonal at the end, so that
  // small values are at their most precise, and the way there can be told.
  ScaledRows product = ScaledRows::identity(right.size());
  double grown = 0;
  jacobians.forward(right, [&](const Vectors& r) {
    product.multiply_by(r);
    s.growth.push_back(grown += std::log(r[0][0]));
  });
  s.log_singular_values = detail::singular(std::move(product)).logs;
  s.log_singular_values.resize(count);
  for (const double l : s.log_singular_values) s.singular_values.push_back(std::exp(l));

  Growth g{.start = right,
           .end = std::move(right),
           .product = ScaledRows::identity(q_count),
           .logs = Vector(q_count)};
  jacobians.forward(g.end, [&](const Vectors& r) {
    g.product.multiply_by(r);
    for (std::size_t j = 0; j < q_count; ++j) g.logs[j] += std::log(r[j][j]);
  });
  s.lyapunov = exponents_of(g, static_cast<double>(run.steps));
  s.lyapunov.resize(count);
  return s;
}

}  // namespace metatape::metalearn
