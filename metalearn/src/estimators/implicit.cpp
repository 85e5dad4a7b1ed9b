#include "metatape/metalearn/estimators/implicit.hpp"

#include <fmt/format.h>

#include <cmath>

#include "../algebra/conjugate_gradient.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "pushforward.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

namespace {

using detail::conjugate_gradient;
using detail::dot;
using detail::plus;
using detail::Solved;

using Product = std::function<Tensor(const Tensor&)>;

Tensor nought(const Tensor& like) { return Tensor::zeros(like.shape(), like.dtype()); }

// rate Σ_{k<=K} (I - rate M)^k b
Solved neumann(const Product& m, const Tensor& b, int terms, double rate) {
  Tensor term = b, sum = b;
  for (int k = 0; k < terms; ++k) {
    term = plus(term, -rate, m(term));
    sum = plus(sum, 1, term);
  }
  return {.x = plus(nought(b), rate, sum), .iterations = terms};
}

}  // namespace

ImplicitGradient implicit_gradient(const BilevelLoss& inner, const BilevelLoss& outer,
                                   const Params& w, const Params& phi, const ImplicitOptions& o) {
  if (o.iterations < 0 || !(o.damping >= 0) || !(o.rate > 0))
    throw DataError(
        fmt::format("implicit_gradient: {} iterations, damping {}, rate {}: 0 or more, "
                    "0 or more and above 0 expected",
                    o.iterations, o.damping, o.rate));
  Tape tape;
  const Bound at = bind(tape, w), on_tape = detail::place(tape, phi, true);
  std::vector<Var> inputs{at.flat()};
  if (on_tape.count() > 0) inputs.push_back(on_tape.flat());
  ImplicitGradient result{.gradient = phi.zeros_like()};

  const Var e = outer(at, on_tape);
  result.loss = e.item();
  Tensor a = Tensor::zeros(at.flat().shape(), w.dtype());
  if (e.differentiable()) {
    const std::vector<Tensor> d = grad(e, inputs);
    a = d.front();
    if (on_tape.count() > 0) result.gradient.add_scaled(1, Params(phi.layout(), d.back()));
  }

  const Var g = recorded_grad(inner(at, on_tape), at.flat());
  result.inner_gradient_norm = Params(w.layout(), g.value()).norm();
  const Product hessian = [&](const Tensor& v) {
    const Tape::Scope scope(tape);
    const Tensor hv =
        g.differentiable() ? grad(sum(g * v), at.flat()) : Tensor::zeros(v.shape(), v.dtype());
    return o.damping > 0 ? plus(hv, o.damping, v) : hv;
  };
  const Solved s = o.solver == Solver::neumann
                       ? neumann(hessian, a, o.iterations, o.rate)
                       : conjugate_gradient(hessian, a, nought(a), o.iterations, o.tolerance);
  result.iterations = s.iterations;
  result.negative_curvature = s.negative_curvature;
  const Tensor miss = plus(hessian(s.x), -1, a);
  const double asked = std::sqrt(dot(a, a));
  result.residual = asked > 0 ? std::sqrt(dot(miss, miss)) / asked : 0;
  if (on_tape.count() > 0 && g.differentiable()) {
    const Tape::Scope scope(tape);
    result.gradient.add_scaled(-1, Params(phi.layout(), grad(sum(g * s.x), on_tape.flat())));
  }
  return result;
}

// ---- of a run that ends at a fixed point

std::string FixedPoint::name() const {
  return detail::numbered(solver == Solver::neumann ? "neumann" : "cg", iterations);
}

Params FixedPoint::begin(const Dynamics& run, const Params&, Key) const {
  if (iterations < 0) throw DataError(fmt::format("{}: 0 iterations or more expected", name()));
  return run.start;
}

Estimate FixedPoint::advance(const Dynamics& run, const Params& phi, Window window, Key,
                             UnrollScratch& scratch, Params& carry) const {
  Tape& tape = scratch.tape();
  const detail::Walked w = detail::walk(run, phi, carry, window, tape);
  if (w.diverged) return detail::lost(phi, *w.diverged);
  const Tape::Scope scope(tape);
  const Bound on_tape = detail::place(tape, phi, true), s = detail::place(tape, w.state, true);
  std::vector<Var> inputs{s.flat()};
  if (on_tape.count() > 0) inputs.push_back(on_tape.flat());
  Estimate e{.gradient = phi.zeros_like(), .kept_bytes = detail::bytes_of(w.state)};
  const Visit end = run.visit(on_tape, s, {.t = window.to, .loss = true, .move = false});
  Tensor a = Tensor::zeros(s.flat().shape(), w.state.dtype());
  if (end.loss.valid()) e.loss = end.loss.item();
  if (end.loss.valid() && end.loss.differentiable()) {
    const std::vector<Tensor> d = grad(end.loss, inputs);
    a = d.front();
    if (on_tape.count() > 0) e.gradient.add_scaled(1, Params(phi.layout(), d.back()));
  }
  const Var next =
      run.visit(on_tape, s, {.t = window.to - 1, .loss = false, .move = true}).next.flat();
  const auto pull = [&](const Tensor& v, Var by) {
    const Tape::Scope inside(tape);
    return next.differentiable() ? grad(sum(next * v), by) : Tensor::zeros(by.shape(), by.dtype());
  };
  const auto turned = [&](const Tensor& v) {
    return plus(v, -1, pull(v, s.flat()));
  };  // (I - Jᵀ) v
  const detail::Pushforward push(next, s.flat());
  const auto straight = [&](const Tensor& v) { return plus(v, -1, push(v)); };  // (I - J) v
  const Solved v = solver == Solver::neumann
                       ? neumann(turned, a, iterations, 1)
                       : conjugate_gradient([&](const Tensor& x) { return straight(turned(x)); },
                                            straight(a), nought(a), iterations);
  if (on_tape.count() > 0)
    e.gradient.add_scaled(1, Params(phi.layout(), pull(v.x, on_tape.flat())));
  carry = w.state;
  return e;
}

}  // namespace metatape::metalearn
