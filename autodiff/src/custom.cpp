#include "metatape/autodiff/custom.hpp"

#include <algorithm>
#include <cstring>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace {

using detail::Node;
using detail::TapeState;

Tensor copied(const Shape& shape, DType dtype, const void* from) {
  Tensor t = Tensor::uninitialised(shape, dtype);
  if (t.size() > 0)
    std::memcpy(t.mutable_data(), from, static_cast<std::size_t>(t.size()) * bytes(dtype));
  return t;
}

std::vector<Tensor> inputs_of(const detail::OpContext& c) {
  std::vector<Tensor> inputs;
  for (int i = 0; i < c.arity(); ++i) {
    const Node& n = c.state().node(c.node().inputs[i]);
    inputs.push_back(copied(n.shape, n.dtype, n.value));
  }
  return inputs;
}

void require_count(const CustomOp& op, std::size_t given, int needed) {
  if (static_cast<int>(given) != needed)
    throw ShapeError(op.name + ": the pullback gives " + std::to_string(given) + " gradients for " +
                     std::to_string(needed) + " inputs");
}

struct Custom {
  struct Attributes {
    const CustomOp* op;
    const void* value;  // forward only
  };
  static constexpr const char* name = "custom";

  template <Scalar T>
  static void forward(const Forward& c) {
    if (c.size() > 0)
      std::memcpy(c.output<T>(), c.attributes<Attributes>().value,
                  static_cast<std::size_t>(c.size()) * sizeof(T));
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const CustomOp& op = *c.attributes<Attributes>().op;
    if (!op.pullback) throw TapeError(op.name + ": this op has no derivative");
    const std::vector<Tensor> adjoints =
        op.pullback(inputs_of(c), copied(c.shape(), c.dtype(), c.output<T>()),
                    copied(c.shape(), c.dtype(), c.gradient<T>()));
    require_count(op, adjoints.size(), c.arity());
    for (int i = 0; i < c.arity(); ++i) {
      const Tensor& t = adjoints[static_cast<std::size_t>(i)];
      if (!c.wants(i) || (t.shape() == Shape{0} && c.input_size(i) != 0)) continue;
      if (t.shape() != c.input_shape(i))
        throw ShapeError(op.name + ": the pullback gives " + to_string(t.shape()) + " for input " +
                         std::to_string(i) + " of " + to_string(c.input_shape(i)));
      const auto from = t.values<T>();
      T* to = c.adjoint<T>(i);
      for (std::size_t k = 0; k < from.size(); ++k) to[k] += from[k];
    }
  }

  static void recorded(const Recorded& c) {
    const CustomOp& op = *c.attributes<Attributes>().op;
    if (!op.recorded) throw TapeError(op.name + ": this op is differentiable only once");
    std::vector<Var> inputs;
    for (int i = 0; i < c.arity(); ++i) inputs.push_back(c.input(i));
    const std::vector<Var> adjoints = op.recorded(inputs, c.output(), c.gradient());
    require_count(op, adjoints.size(), c.arity());
    for (int i = 0; i < c.arity(); ++i)
      if (const Var& g = adjoints[static_cast<std::size_t>(i)]; c.wants(i) && g.valid())
        c.add(i, g);
  }
};

}  // namespace

Var apply(const CustomOp& op, std::span<const Var> inputs) {
  if (inputs.empty()) throw TapeError(op.name + ": no inputs: pass at least one");
  TapeState& s = TapeState::of(inputs.front(), op.name.c_str());
  std::vector<Tensor> values;
  for (const Var& x : inputs) values.push_back(x.value());
  const Tensor value = op.forward(values);
  if (value.dtype() != inputs.front().dtype())
    throw DTypeError(op.name + ": gives " + name(value.dtype()) + " from " +
                     name(inputs.front().dtype()));
  const Undo undo(inputs.front(), op.name.c_str());
  const CustomOp* kept = s.keep(CustomOp(op));
  const Var y = record<Custom>(inputs, value.shape(), {kept, value.data()});
  s.node(s.index_of(y, "custom")).name = kept->name.c_str();
  return y;
}

Var apply(const CustomOp& op, std::initializer_list<Var> inputs) {
  return apply(op, std::span<const Var>(inputs.begin(), inputs.size()));
}

}  // namespace metatape
