// custom.hpp: an op from closures, for a user who does not want to write a rule struct (rule.hpp).
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

struct CustomOp {
  std::string name = "custom";  ///< shown by the tape and in errors

  /// The value.
  std::function<Tensor(std::span<const Tensor> inputs)> forward{};

  /// dL/d(input i) for each i, from the inputs, the output and the output's adjoint; a Tensor of
  /// shape [0] says that there is none. Without it the op is not differentiable.
  std::function<std::vector<Tensor>(std::span<const Tensor> inputs, const Tensor& output,
                                    const Tensor& gradient)>
      pullback{};

  /// The same over Vars, for second order; an invalid Var says that there is none. Optional.
  std::function<std::vector<Var>(std::span<const Var> inputs, Var output, Var gradient)> recorded{};
};

/// Records the op. Inputs stand on one tape and have one type, the output's. The tape keeps a copy
/// of the closures as long as the record. ShapeError when a pullback's tensor has not its input's
/// shape.
Var apply(const CustomOp& op, std::span<const Var> inputs);
Var apply(const CustomOp& op, std::initializer_list<Var> inputs);

}  // namespace metatape
