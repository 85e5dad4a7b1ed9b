// gradients.hpp: derivatives of what a tape recorded.
// A sweep goes back from the loss and visits only records younger than the oldest input that lie on
// a path from an input: the gradient of step 100 of an unroll costs what that of step 1 costs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

class Bound;
class Params;

// ---- first derivatives, as Tensors ------------------------------------------------------------
// All of them: the loss has one element (ShapeError otherwise); inputs stand on the loss's tape and
// are variables or depend on one (TapeError for a constant: it has no gradient); an input on which
// the loss does not depend gets zeros; a tape with Recording::off throws TapeError.

/// dL/d(input).
Tensor grad(Var loss, Var input);
std::vector<Tensor> grad(Var loss, std::span<const Var> inputs);
std::vector<Tensor> grad(Var loss, std::initializer_list<Var> inputs);
/// dL/d(parameters), with their names.
Params grad(Var loss, const Bound& params);

/// The same, written where the caller says: each tensor is overwritten, and must have its input's
/// shape and type. With tensors that nobody shares this calls no malloc.
void grad_into(Var loss, std::span<const Var> inputs, std::span<Tensor> gradients);
void grad_into(Var loss, const Bound& params, Params& gradient);

/// vᵀ dy/dx: the pullback of y at the cotangent v, of y's shape.
std::vector<Tensor> vector_jacobian(Var y, std::span<const Var> inputs, const Tensor& v);
/// An output and its cotangent v, of its shape; or, with `offset`, its elements of a flat v that
/// holds several, from there on.
struct Cotangent {
  Var y;
  Tensor v;
  std::optional<std::int64_t> offset{};
};
/// Σ_k v_kᵀ dy_k/dx of several outputs by one sweep: what comes back through a step when some of
/// what it made is asked for by later ones. An output that depends on no input adds nothing; zeros
/// where there are no outputs. ShapeError where a cotangent is not of its output's shape and type,
/// or ends before it.
std::vector<Tensor> vector_jacobian(std::span<const Cotangent> outputs,
                                    std::span<const Var> inputs);

// ---- derivatives that can be differentiated again ---------------------------------------------
// Recorded on the same tape. TapeError names an op on the path that is differentiable only once.

Var recorded_grad(Var loss, Var input);
std::vector<Var> recorded_grad(Var loss, std::span<const Var> inputs);
std::vector<Var> recorded_grad(Var loss, std::initializer_list<Var> inputs);
Bound recorded_grad(Var loss, const Bound& params);
std::vector<Var> recorded_vector_jacobian(Var y, std::span<const Var> inputs, Var v);

/// (dy/dx) t, t of x's shape: the recorded pullback of y, linear in its cotangent, differentiated
/// with respect to that cotangent. Costs some three sweeps; y is a recorded Var, so no dual
/// numbers.
Tensor jacobian_vector(Var y, Var x, const Tensor& t);
Var recorded_jacobian_vector(Var y, Var x, Var t);

/// H v with H = d²L/dx²: grad(<recorded_grad(L, x), v>, x).
Tensor hessian_vector(Var loss, Var x, const Tensor& v);
Params hessian_vector(Var loss, const Bound& x, const Params& v);

/// dy/dx, of shape [y.size(), x.size()], by one sweep an element of y: for small functions.
Tensor jacobian(Var y, Var x);
/// d²L/dx², of shape [x.size(), x.size()].
Tensor hessian(Var loss, Var x);

// ---- recomputation ----------------------------------------------------------------------------

/// f(inputs), of which only the value is kept: the pullback runs f again. f must be a pure function
/// (same inputs, same values; keyed randomness is fine) on the inputs' tape. A Var that f captures
/// is differentiated too when it is older than this call; one made elsewhere is refused by name.
Var checkpoint(const std::function<Var(std::span<const Var>)>& f, std::span<const Var> inputs);
Var checkpoint(const std::function<Var(std::span<const Var>)>& f,
               std::initializer_list<Var> inputs);

/// A loss whose gradient is known already: value() is `value`, its pullback adds λ·gradient to x.
/// What an unroll without second order leaves on the tape of each of the optimizee's losses.
/// Differentiable once in λ, constant in x: second order stops here.
Var known_gradient(double value, Var x, const Tensor& gradient);

}  // namespace metatape
