// reverse.cpp: back through segments of steps. λ, the adjoint of the state at a segment's end,
// comes in as the cotangent of what the segment makes, and goes out as the gradient of where it
// began.
#include "metatape/metalearn/estimators/reverse.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

namespace {

// Goes back through the recorded steps: dL/dφ is added to, λ replaced.
void back(const detail::Recorded& r, const Bound& phi, const Bound& from, Tensor& lambda,
          Params& gradient) {
  Var l = r.loss;
  if (lambda.size() > 0 && r.state.flat().differentiable()) {
    const Var later = sum(r.state.flat() * lambda);
    l = l.valid() ? l + later : later;
  }
  std::vector<Var> inputs;
  const bool earlier = from.flat().differentiable();
  if (phi.count() > 0) inputs.push_back(phi.flat());
  if (earlier) inputs.push_back(from.flat());
  if (inputs.empty()) return;
  if (!l.valid() || !l.differentiable()) {
    if (earlier) lambda = Tensor::zeros(from.flat().shape(), from.flat().dtype());
    return;
  }
  const std::vector<Tensor> d = grad(l, inputs);
  if (phi.count() > 0) detail::add_scaled(gradient.flat(), 1, d.front());
  if (earlier) lambda = d.back();
}

std::string whole_number(std::string_view name, std::int64_t n) {
  return fmt::format("{}:{}", name, n);
}

}  // namespace

std::string Reverse::name() const {
  if (order == Order::exact && truncation == 0) {
    if (segment == 0) return "exact";
    return segment == 1 ? "exact-hvp" : whole_number("checkpointed", segment);
  }
  std::string text =
      truncation == 0
          ? "first"
          : whole_number(order == Order::exact ? "truncated" : "truncated-first", truncation);
  if (segment > 0) text += fmt::format("@{}", segment);
  return text;
}

std::int64_t Reverse::window(std::int64_t steps) const {
  return truncation > 0 ? truncation : steps;
}

Params Reverse::begin(const Dynamics& run, const Params&, Key) const { return run.start; }

Estimate Reverse::advance(const Dynamics& run, const Params& phi, Window window, Key,
                          UnrollScratch& scratch, Params& carry) const {
  if (order == Order::first && !run.has_orders)
    throw DataError(
        fmt::format("{}: this system has no gradients inside to hold constant", name()));
  Tape& tape = scratch.tape();
  Estimate e{.gradient = phi.zeros_like()};
  const std::int64_t length = segment > 0 ? segment : window.to - window.from;

  if (length >= window.to - window.from) {  // one segment: the run is made once, recorded
    const Tape::Scope scope(tape);
    const Bound on_tape = detail::place(tape, phi, true), from = detail::place(tape, carry, false);
    const detail::Recorded r = detail::record(run, on_tape, from, window, window.from, true, order);
    if (r.loss.valid()) e.loss = r.loss.item();
    Params end = r.state.value();
    if (!std::isfinite(e.loss) || !detail::finite(end.flat())) {
      // where it left the numbers is found by walking
      const detail::Walked w = detail::walk(run, phi, carry, window, tape);
      return detail::lost(phi, w.diverged.value_or(window.to));
    }
    Tensor none;
    back(r, on_tape, from, none, e.gradient);
    carry = std::move(end);
    return e;
  }

  std::vector<Params> starts;
  const detail::Walked w =
      detail::walk(run, phi, carry, window, tape, [&](std::int64_t t, const Params& state) {
        if ((t - window.from) % length == 0) starts.push_back(state);
      });
  if (w.diverged) return detail::lost(phi, *w.diverged);
  e.loss = w.loss;
  for (const Params& p : starts) e.kept_bytes += detail::bytes_of(p);
  Tensor lambda;
  for (std::size_t s = starts.size(); s-- > 0;) {
    const Tape::Scope scope(tape);
    const std::int64_t at = window.from + static_cast<std::int64_t>(s) * length;
    const std::int64_t to = std::min(at + length, window.to);
    const Bound on_tape = detail::place(tape, phi, true);
    const Bound from = detail::place(tape, starts[s], s > 0);
    back(detail::record(run, on_tape, from, {at, to}, window.from, to == window.to, order), on_tape,
         from, lambda, e.gradient);
  }
  carry = w.state;
  return e;
}

// ---- random truncation
//
//   δ_t = ∂ℓ_t/∂s_t + f_t J_tᵀ δ_{t+1},   dL/dφ = Σ_t ∂ℓ_t/∂φ + B_tᵀ δ_{t+1}
//
// A factor of 0 ends a piece: its states are gone back through as soon as it is complete.

namespace {

struct Piece {
  const Dynamics& run;
  const Params& phi;
  std::span<const double> factors;
  Tape& tape;
  std::int64_t first = 0;
  std::vector<Params> states{};  // s_first, s_{first+1}, ...

  // x ↦ its gradient by φ, added, and by the state.
  [[nodiscard]] Tensor pull(Var x, const Bound& on_tape, const Bound& state,
                            Params& gradient) const {
    std::vector<Var> inputs{state.flat()};
    if (on_tape.count() > 0) inputs.push_back(on_tape.flat());
    const std::vector<Tensor> d = grad(x, inputs);
    if (on_tape.count() > 0) detail::add_scaled(gradient.flat(), 1, d.back());
    return d.front();
  }

  // Back from `end`, the state after the last step, whose loss counts here.
  double back(const Params& end, Params& gradient) const {
    double loss = 0;
    Tensor delta = Tensor::zeros(end.flat().shape(), end.dtype());
    for (auto t = first + static_cast<std::int64_t>(states.size()); t >= first; --t) {
      const auto i = static_cast<std::size_t>(t - first);
      const bool last = i == states.size();
      const Tape::Scope scope(tape);
      const Bound on_tape = detail::place(tape, phi, true);
      const Bound state = detail::place(tape, last ? end : states[i], true);
      const Visit v =
          run.visit(on_tape, state, {.t = t, .loss = t > first || t == 0, .move = !last});
      Tensor before = Tensor::zeros(delta.shape(), delta.dtype());
      if (v.loss.valid()) {
        loss += v.loss.item();
        if (v.loss.differentiable()) before = pull(v.loss, on_tape, state, gradient);
      }
      if (!last && v.next.flat().differentiable())
        detail::add_scaled(before, factors[static_cast<std::size_t>(t)],
                           pull(sum(v.next.flat() * delta), on_tape, state, gradient));
      delta = before;
    }
    return loss;
  }
};

}  // namespace

Estimate reverse_with_factors(const Dynamics& run, const Params& phi,
                              std::span<const double> factors, UnrollScratch& scratch) {
  if (static_cast<std::int64_t>(factors.size()) != run.steps)
    throw DataError(fmt::format("reverse_with_factors: {} factors for {} steps: one each is needed",
                                factors.size(), run.steps));
  Tape& tape = scratch.tape();
  Estimate e{.gradient = phi.zeros_like()};
  Piece piece{run, phi, factors, tape};
  const auto close = [&](const Params& end) {
    e.kept_bytes = std::max(e.kept_bytes, (piece.states.size() + 1) * detail::bytes_of(end));
    e.loss += piece.back(end, e.gradient);
    piece.states.clear();
  };
  const detail::Walked w = detail::walk(run, phi, run.start, {0, run.steps}, tape,
                                        [&](std::int64_t t, const Params& state) {
                                          if (t > 0 && factors[static_cast<std::size_t>(t)] == 0) {
                                            close(state);
                                            piece.first = t;
                                          }
                                          piece.states.push_back(state);
                                        });
  if (w.diverged) return detail::lost(phi, *w.diverged);
  close(w.state);
  return e;
}

std::string Artbp::name() const { return detail::numbered("artbp", cut); }

Params Artbp::begin(const Dynamics& run, const Params&, Key) const {
  if (!(cut >= 0 && cut < 1))
    throw DataError(
        fmt::format("artbp: cut with probability {}: 0 or more and below 1 expected", cut));
  return run.start;
}

Estimate Artbp::advance(const Dynamics& run, const Params& phi, Window, Key key,
                        UnrollScratch& scratch, Params&) const {
  std::vector<double> factors;
  Random random(key.split("cuts"));
  for (std::int64_t t = 0; t < run.steps; ++t)
    factors.push_back(random.chance(cut) ? 0 : 1 / (1 - cut));
  return reverse_with_factors(run, phi, factors, scratch);
}

}  // namespace metatape::metalearn
