// gradients.cpp: what users ask of a sweep.
#include "metatape/autodiff/gradients.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "sweep.hpp"

namespace metatape {

using detail::Seed;
using detail::TapeState;
using detail::Wanted;

namespace {

TapeState& recording_state(Var y, const char* op) {
  TapeState& s = TapeState::of(y, op);
  if (s.options.recording == Recording::off)
    throw TapeError(std::string(op) + ": this tape does not record (Recording::off)");
  return s;
}

void require_scalar(Var loss, const char* op) {
  if (loss.size() != 1)
    throw ShapeError(std::string(op) + ": the loss has shape " + to_string(loss.shape()) +
                     ": one element is needed (sum or mean it, or use vector_jacobian)");
}

std::uint32_t input_index(const TapeState& s, Var input, std::size_t i, const char* op) {
  const std::uint32_t index = s.index_of(input, op);
  if (!s.node(index).differentiable)
    throw TapeError(std::string(op) + ": input " + std::to_string(i) + ", " +
                    to_string(s.node(index).shape) + ", is a constant: it has no gradient");
  return index;
}

void require_like(const Tensor& t, const detail::Node& n, const char* op, const char* what) {
  if (t.shape() != n.shape || t.dtype() != n.dtype)
    throw ShapeError(std::string(op) + ": the " + what + " is " + name(t.dtype()) +
                     to_string(t.shape()) + ", needed is " + name(n.dtype) + to_string(n.shape));
}

// Where the values of a cotangent start.
const void* values_for(const Cotangent& c, const detail::Node& n, const char* op) {
  if (!c.offset) {
    require_like(c.v, n, op, "cotangent");
    return c.v.data();
  }
  const std::int64_t first = *c.offset, last = first + n.shape.size();
  if (c.v.shape().rank() != 1 || c.v.dtype() != n.dtype || first < 0 || last > c.v.size())
    throw ShapeError(std::string(op) + ": the cotangents are " + name(c.v.dtype()) +
                     to_string(c.v.shape()) + ", needed are elements " + std::to_string(first) +
                     " to " + std::to_string(last) + " of a flat " + name(n.dtype) + ", for " +
                     to_string(n.shape));
  return static_cast<const char*>(c.v.data()) + static_cast<std::size_t>(first) * bytes(n.dtype);
}

// `gradients` get what the seeds say of the inputs; of an input given twice, the first is swept and
// the others copied.
void pull_into(TapeState& s, std::span<const Seed> seeds, std::span<const Var> inputs,
               std::span<Tensor> gradients, const char* op) {
  if (inputs.empty()) return;
  // Small and on the stack in the usual case: the sweep itself must not allocate.
  constexpr std::size_t few = 8;
  std::array<Wanted, few> few_wanted;
  std::array<bool, few> few_fresh{};
  std::vector<Wanted> many_wanted;
  std::unique_ptr<bool[]> many_fresh;
  Wanted* wanted = few_wanted.data();
  bool* fresh = few_fresh.data();
  if (inputs.size() > few) {
    many_wanted.resize(inputs.size());
    many_fresh = std::make_unique<bool[]>(inputs.size());
    wanted = many_wanted.data();
    fresh = many_fresh.get();
  }
  std::size_t count = 0;
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  const auto earlier = [&](std::size_t i) {
    for (std::size_t k = 0; k < i; ++k)
      if (s.index_of(inputs[k], op) == s.index_of(inputs[i], op)) return static_cast<int>(k);
    return -1;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::uint32_t index = input_index(s, inputs[i], i, op);
    require_like(gradients[i], s.node(index), op, "tensor to write");
    if (inputs.size() > 1 && earlier(i) >= 0) continue;
    fresh[count] = true;
    wanted[count] = {index, gradients[i].mutable_data(), &fresh[count], false};
    ++count;
    first = std::min(first, index);
  }
  sweep(s, seeds, first, {wanted, count});
  for (std::size_t i = 0, at = 0; i < inputs.size(); ++i) {
    if (const int same = inputs.size() > 1 ? earlier(i) : -1; same >= 0) {
      gradients[i] = gradients[static_cast<std::size_t>(same)];
    } else if (fresh[at++]) {
      visit(gradients[i].dtype(), [&]<class T>(T) {
        std::ranges::fill(gradients[i].template mutable_values<T>(), T{0});
      });
    }
  }
}

struct One {
  float f = 1;
  double d = 1;
  [[nodiscard]] const void* of(DType dtype) const {
    return dtype == DType::f32 ? static_cast<const void*>(&f) : &d;
  }
};

std::vector<Tensor> made_for(std::span<const Var> inputs) {
  std::vector<Tensor> made;
  made.reserve(inputs.size());
  for (const Var& x : inputs) made.push_back(Tensor::uninitialised(x.shape(), x.dtype()));
  return made;
}

std::vector<Var> recorded(TapeState& s, Var y, Var cotangent, std::span<const Var> inputs,
                          const char* op) {
  std::vector<std::uint32_t> wanted;
  std::uint32_t first = s.index_of(y, op);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    wanted.push_back(input_index(s, inputs[i], i, op));
    first = std::min(first, wanted.back());
  }
  std::vector<Var> adjoints(inputs.size());
  recorded_sweep(s, y, cotangent, first, wanted, false, adjoints);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (adjoints[i].valid()) continue;
    const auto same = std::ranges::find(wanted, wanted[i]) - wanted.begin();
    adjoints[i] = static_cast<std::size_t>(same) < i
                      ? adjoints[static_cast<std::size_t>(same)]
                      : y.tape().constant(Tensor::zeros(inputs[i].shape(), inputs[i].dtype()));
  }
  return adjoints;
}

Var one_like(Var y) { return y.tape().constant(Tensor::full(y.shape(), 1, y.dtype())); }

std::vector<Var> tensors_of(const Bound& b) {
  std::vector<Var> t;
  for (std::size_t i = 0; i < b.count(); ++i) t.push_back(b[i]);
  return t;
}

}  // namespace

void grad_into(Var loss, std::span<const Var> inputs, std::span<Tensor> gradients) {
  TapeState& s = recording_state(loss, "grad");
  require_scalar(loss, "grad");
  if (inputs.size() != gradients.size())
    throw ShapeError("grad: " + std::to_string(inputs.size()) + " inputs and " +
                     std::to_string(gradients.size()) + " tensors to write");
  const One one;
  const Seed seed{s.index_of(loss, "grad"), one.of(loss.dtype())};
  pull_into(s, {&seed, 1}, inputs, gradients, "grad");
}

std::vector<Tensor> grad(Var loss, std::span<const Var> inputs) {
  recording_state(loss, "grad");
  std::vector<Tensor> gradients = made_for(inputs);
  grad_into(loss, inputs, gradients);
  return gradients;
}

std::vector<Tensor> grad(Var loss, std::initializer_list<Var> inputs) {
  return grad(loss, std::span<const Var>(inputs.begin(), inputs.size()));
}

Tensor grad(Var loss, Var input) { return std::move(grad(loss, {input}).front()); }

void grad_into(Var loss, const Bound& params, Params& gradient) {
  if (!(*params.layout() == *gradient.layout()))
    throw ShapeError("grad: the Params to write have other names or shapes than those bound");
  if (params.has_flat()) {
    const Var flat = params.flat();
    grad_into(loss, {&flat, 1}, {&gradient.flat(), 1});
    return;
  }
  const std::vector<Tensor> parts = grad(loss, tensors_of(params));
  for (std::size_t i = 0; i < parts.size(); ++i) gradient.set(params.entries()[i].name, parts[i]);
}

Params grad(Var loss, const Bound& params) {
  Params gradient = Params::zeros(params.layout(), loss.dtype());
  grad_into(loss, params, gradient);
  return gradient;
}

std::vector<Tensor> vector_jacobian(std::span<const Cotangent> outputs,
                                    std::span<const Var> inputs) {
  const char* const op = "vector_jacobian";
  std::vector<Tensor> gradients = made_for(inputs);
  if (outputs.empty()) {
    for (Tensor& g : gradients) g = Tensor::zeros(g.shape(), g.dtype());
    return gradients;
  }
  TapeState& s = recording_state(outputs.front().y, op);
  std::vector<Seed> seeds;
  seeds.reserve(outputs.size());
  for (const Cotangent& c : outputs)
    seeds.push_back({s.index_of(c.y, op), values_for(c, TapeState::node_of(c.y, op), op)});
  pull_into(s, seeds, inputs, gradients, op);
  return gradients;
}

std::vector<Tensor> vector_jacobian(Var y, std::span<const Var> inputs, const Tensor& v) {
  const Cotangent only{y, v};
  return vector_jacobian({&only, 1}, inputs);
}

std::vector<Var> recorded_vector_jacobian(Var y, std::span<const Var> inputs, Var v) {
  TapeState& s = recording_state(y, "recorded_vector_jacobian");
  if (v.shape() != y.shape())
    throw ShapeError("recorded_vector_jacobian: the cotangent is " + to_string(v.shape()) +
                     ", needed is " + to_string(y.shape()));
  return recorded(s, y, v, inputs, "recorded_vector_jacobian");
}

std::vector<Var> recorded_grad(Var loss, std::span<const Var> inputs) {
  TapeState& s = recording_state(loss, "recorded_grad");
  require_scalar(loss, "recorded_grad");
  return recorded(s, loss, one_like(loss), inputs, "recorded_grad");
}

std::vector<Var> recorded_grad(Var loss, std::initializer_list<Var> inputs) {
  return recorded_grad(loss, std::span<const Var>(inputs.begin(), inputs.size()));
}

Var recorded_grad(Var loss, Var input) { return recorded_grad(loss, {input}).front(); }

// The gradient of bound Params is wanted tensor by tensor: the sweep stops at the views, so no
// zero-padded buffer is made for each; what reaches the buffer by other ways is added in.
Bound recorded_grad(Var loss, const Bound& params) {
  TapeState& s = recording_state(loss, "recorded_grad");
  require_scalar(loss, "recorded_grad");
  std::vector<Var> inputs = tensors_of(params);
  if (params.has_flat()) inputs.push_back(params.flat());
  std::vector<std::uint32_t> wanted;
  std::uint32_t first = s.index_of(loss, "recorded_grad");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    wanted.push_back(input_index(s, inputs[i], i, "recorded_grad"));
    first = std::min(first, wanted.back());
  }
  std::vector<Var> adjoints(inputs.size());
  recorded_sweep(s, loss, one_like(loss), first, wanted, params.has_flat(), adjoints);
  std::vector<Var> tensors(params.count());
  for (std::size_t i = 0; i < params.count(); ++i) {
    const ParamEntry& entry = params.entries()[i];
    Var g = adjoints[i];
    if (params.has_flat() && adjoints.back().valid()) {
      const Var direct = view_range(adjoints.back(), entry.offset, entry.shape);
      g = g.valid() ? g + direct : direct;
    }
    tensors[i] = g.valid() ? g : loss.tape().constant(Tensor::zeros(entry.shape, loss.dtype()));
  }
  return Bound(params.layout(), std::move(tensors));
}

Var recorded_jacobian_vector(Var y, Var x, Var t) {
  TapeState& s = recording_state(y, "jacobian_vector");
  if (t.shape() != x.shape())
    throw ShapeError("jacobian_vector: the tangent is " + to_string(t.shape()) + ", needed is " +
                     to_string(x.shape()));
  const Var cotangent = s.leaf(Tensor::zeros(y.shape(), y.dtype()), true);
  const Var pulled = recorded(s, y, cotangent, {&x, 1}, "jacobian_vector").front();
  return recorded_grad(sum(pulled * t), cotangent);
}

Tensor jacobian_vector(Var y, Var x, const Tensor& t) {
  Tape& tape = y.tape();
  const Tape::Scope scope(tape);
  TapeState& s = recording_state(y, "jacobian_vector");
  require_like(t, TapeState::node_of(x, "jacobian_vector"), "jacobian_vector", "tangent");
  const Var cotangent = s.leaf(Tensor::zeros(y.shape(), y.dtype()), true);
  const Var pulled = recorded(s, y, cotangent, {&x, 1}, "jacobian_vector").front();
  return grad(sum(pulled * t), cotangent);
}

Tensor hessian_vector(Var loss, Var x, const Tensor& v) {
  const Tape::Scope scope(loss.tape());
  require_like(v, TapeState::node_of(x, "hessian_vector"), "hessian_vector", "direction");
  return grad(sum(recorded_grad(loss, x) * v), x);
}

Params hessian_vector(Var loss, const Bound& x, const Params& v) {
  if (!(*x.layout() == *v.layout()))
    throw ShapeError("hessian_vector: the direction has other names or shapes than the Params");
  const Tape::Scope scope(loss.tape());
  const Bound g = recorded_grad(loss, x);
  Var along;
  for (std::size_t i = 0; i < g.count(); ++i) {
    const Var term = sum(g[i] * v[i]);
    along = along.valid() ? along + term : term;
  }
  return grad(along, x);
}

Tensor jacobian(Var y, Var x) {
  TapeState& s = recording_state(y, "jacobian");
  Tensor result = Tensor::zeros({y.size(), x.size()}, y.dtype());
  Tensor cotangent = Tensor::zeros(y.shape(), y.dtype());
  std::vector<Tensor> row{Tensor::uninitialised(x.shape(), x.dtype())};
  visit(y.dtype(), [&]<class T>(T) {
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      cotangent.template mutable_values<T>()[at] = T{1};
      const Seed seed{s.index_of(y, "jacobian"), cotangent.data()};
      pull_into(s, {&seed, 1}, {&x, 1}, row, "jacobian");
      cotangent.template mutable_values<T>()[at] = T{0};
      std::ranges::copy(row.front().template values<T>(),
                        result.template mutable_values<T>().begin() + i * x.size());
    }
  });
  return result;
}

Tensor hessian(Var loss, Var x) {
  const Tape::Scope scope(loss.tape());
  const Var g = recorded_grad(loss, x);
  // A gradient that does not depend on x any more (a linear loss) comes as a constant.
  if (!g.differentiable()) return Tensor::zeros({x.size(), x.size()}, x.dtype());
  return jacobian(g, x);
}

}  // namespace metatape
