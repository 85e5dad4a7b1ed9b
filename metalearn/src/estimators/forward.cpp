// forward.cpp: tangents of the state, all of them (forward mode) or one random product (UORO).
#include "metatape/metalearn/estimators/forward.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "pushforward.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

namespace {

using detail::dot;

Tensor flat_zeros(std::int64_t n, DType dtype) { return Tensor::zeros({n}, dtype); }

double norm_of(const Tensor& a) { return std::sqrt(dot(a, a)); }

// One tensor after the other.
Tensor joined(const Tensor& a, const Tensor& b) {
  Tensor all = Tensor::uninitialised({a.size() + b.size()}, a.dtype());
  visit(a.dtype(), [&]<class T>(T) {
    auto to = std::ranges::copy(a.values<T>(), all.mutable_values<T>().begin()).out;
    std::ranges::copy(b.values<T>(), to);
  });
  return all;
}

// s and φ as parts of one variable, so that a tangent of both is one vector.
struct Joint {
  Var both;
  Bound state, phi;
  Joint(Tape& tape, const Params& s, const Params& p) {
    both = tape.variable(p.empty() ? s.flat() : joined(s.flat(), p.flat()));
    state = Bound(s.layout(), view_range(both, 0, Shape{s.size()}));
    if (!p.empty()) phi = Bound(p.layout(), view_range(both, s.size(), Shape{p.size()}));
  }
};

// Which d_j: the user's, drawn, or the j-th unit vector.
Tensor direction(const Forward& f, const Params& phi, Key key, std::int64_t j) {
  if (!f.along.empty()) return f.along[static_cast<std::size_t>(j)].flat();
  if (f.directions > 0)
    return normal({phi.size()}, key.split("direction", static_cast<std::uint64_t>(j)), phi.dtype());
  Tensor unit = flat_zeros(phi.size(), phi.dtype());
  visit(unit.dtype(),
        [&]<class T>(T) { unit.mutable_values<T>()[static_cast<std::size_t>(j)] = 1; });
  return unit;
}

std::int64_t directions_of(const Forward& f, const Params& phi) {
  if (!f.along.empty()) return std::ssize(f.along);
  return f.directions > 0 ? f.directions : phi.size();
}

std::int64_t answers(std::int64_t every, std::int64_t steps) { return every > 0 ? every : steps; }

}  // namespace

std::string Forward::name() const {
  if (!along.empty()) return "forward:along";
  return directions > 0 ? detail::numbered("forward", directions) : "forward";
}
std::int64_t Forward::window(std::int64_t steps) const { return answers(answer_every, steps); }

Params Forward::begin(const Dynamics& run, const Params& phi, Key) const {
  if (directions < 0)
    throw DataError(fmt::format("forward: {} directions: 0 (all) or more expected", directions));
  for (const Params& d : along)
    if (!(*d.layout() == *phi.layout()) || d.dtype() != phi.dtype())
      throw ShapeError(fmt::format(
          "forward: a direction of {} numbers, phi has {}: equal names, shapes and type are needed",
          d.size(), phi.size()));
  return Params::join(
      {run.start.prefixed("state"),
       Params({{"tangents", Tensor::zeros({directions_of(*this, phi), run.start.size()},
                                          run.start.dtype())}})});
}

Estimate Forward::advance(const Dynamics& run, const Params& phi, Window window, Key key,
                          UnrollScratch& scratch, Params& carry) const {
  Tape& tape = scratch.tape();
  const std::int64_t m = directions_of(*this, phi);
  Estimate e{.gradient = phi.zeros_like(), .kept_bytes = detail::bytes_of(carry)};
  const Params start = carry.inside("state");
  Params state(run.start.layout(), start.flat());
  const Tensor all = carry["tangents"];
  std::vector<Tensor> z, d;
  for (std::int64_t j = 0; j < m; ++j) {
    z.push_back(all.window(j * state.size(), Shape{state.size()}));
    d.push_back(direction(*this, phi, key, j));
  }
  std::vector<double> slope(static_cast<std::size_t>(m), 0);  // dL along d_j
  for (std::int64_t t = window.from; t <= window.to; ++t) {
    const Tape::Scope scope(tape);
    const bool last = t == window.to;
    const Joint at(tape, state, phi);
    const Visit v =
        run.visit(at.phi, at.state, {.t = t, .loss = t > window.from || t == 0, .move = !last});
    if (v.loss.valid()) {
      e.loss += v.loss.item();
      if (!std::isfinite(e.loss)) return detail::lost(phi, t);
      if (v.loss.differentiable()) {
        const Tensor a = grad(v.loss, at.both);
        for (std::size_t j = 0; j < z.size(); ++j)
          slope[j] += dot(a, phi.empty() ? z[j] : joined(z[j], d[j]));
      }
    }
    if (last) break;
    const detail::Pushforward j_of(v.next.flat(), at.both);
    for (std::size_t j = 0; j < z.size(); ++j) z[j] = j_of(joined(z[j], d[j]));
    state = v.next.value();
    if (!detail::finite(state.flat())) return detail::lost(phi, t + 1);
  }
  const double share = directions > 0 && along.empty() ? 1.0 / directions : 1.0;
  for (std::size_t j = 0; j < d.size(); ++j)
    detail::add_scaled(e.gradient.flat(), share * slope[j], d[j]);
  Tensor tangents = Tensor::uninitialised(all.shape(), all.dtype());
  visit(tangents.dtype(), [&]<class T>(T) {
    auto to = tangents.mutable_values<T>().begin();
    for (const Tensor& of : z) to = std::ranges::copy(of.values<T>(), to).out;
  });
  carry = Params::join({state.prefixed("state"), Params({{"tangents", tangents}})});
  return e;
}

// ---- UORO: ∂s/∂φ kept as s̃ θ̃ᵀ, whose mean it is.

std::int64_t Uoro::window(std::int64_t steps) const { return answers(answer_every, steps); }

Params Uoro::begin(const Dynamics& run, const Params& phi, Key) const {
  const DType dtype = run.start.dtype();
  return Params::join(
      {run.start.prefixed("state"), Params({{"of_state", flat_zeros(run.start.size(), dtype)},
                                            {"of_phi", flat_zeros(phi.size(), dtype)}})});
}

Estimate Uoro::advance(const Dynamics& run, const Params& phi, Window window, Key key,
                       UnrollScratch& scratch, Params& carry) const {
  Tape& tape = scratch.tape();
  Estimate e{.gradient = phi.zeros_like(), .kept_bytes = detail::bytes_of(carry)};
  const Params start = carry.inside("state");
  Params state(run.start.layout(), start.flat());
  Tensor s = carry["of_state"], p = carry["of_phi"];
  for (std::int64_t t = window.from; t <= window.to; ++t) {
    const Tape::Scope scope(tape);
    const bool last = t == window.to;
    const Bound on_tape = detail::place(tape, phi, true), at = detail::place(tape, state, true);
    const Visit v =
        run.visit(on_tape, at, {.t = t, .loss = t > window.from || t == 0, .move = !last});
    std::vector<Var> inputs{at.flat()};
    if (on_tape.count() > 0) inputs.push_back(on_tape.flat());
    if (v.loss.valid()) {
      e.loss += v.loss.item();
      if (!std::isfinite(e.loss)) return detail::lost(phi, t);
      if (v.loss.differentiable()) {
        const std::vector<Tensor> a = grad(v.loss, inputs);
        detail::add_scaled(e.gradient.flat(), dot(a.front(), s), p);
        if (on_tape.count() > 0) detail::add_scaled(e.gradient.flat(), 1, a.back());
      }
    }
    if (last) break;
    Tensor nu;
    if (signs) {
      nu = signs(t);
    } else {
      nu = flat_zeros(state.size(), state.dtype());
      Random random(key.split("signs", static_cast<std::uint64_t>(t)));
      visit(nu.dtype(), [&]<class T>(T) {
        for (T& x : nu.mutable_values<T>()) x = random.chance(0.5) ? T{1} : T{-1};
      });
    }
    Tensor pulled = flat_zeros(phi.size(), phi.dtype());  // νᵀ B
    if (v.next.flat().differentiable() && on_tape.count() > 0)
      pulled = grad(sum(v.next.flat() * nu), on_tape.flat());
    const Tensor pushed = detail::Pushforward(v.next.flat(), at.flat())(s);  // J s̃
    // 1 where there is nothing to balance
    const auto balance = [](double a, double b) { return a > 0 && b > 0 ? std::sqrt(a / b) : 1.0; };
    const double rho_0 = balance(norm_of(p), norm_of(pushed));
    const double rho_1 = balance(norm_of(pulled), norm_of(nu));
    Tensor next_s = flat_zeros(state.size(), state.dtype());
    Tensor next_p = flat_zeros(phi.size(), phi.dtype());
    detail::add_scaled(next_s, rho_0, pushed);
    detail::add_scaled(next_s, rho_1, nu);
    detail::add_scaled(next_p, 1 / rho_0, p);
    detail::add_scaled(next_p, 1 / rho_1, pulled);
    s = next_s;
    p = next_p;
    state = v.next.value();
    if (!detail::finite(state.flat())) return detail::lost(phi, t + 1);
  }
  carry = Params::join({state.prefixed("state"), Params({{"of_state", s}, {"of_phi", p}})});
  return e;
}

}  // namespace metatape::metalearn
