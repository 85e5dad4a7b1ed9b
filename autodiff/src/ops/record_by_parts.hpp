// record_by_parts.hpp: the recorded pullback of a fused op, by way of the ops it is made of.
#pragma once

#include <span>
#include <vector>

#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape::ops {

// Adds what the recorded pullback of f(inputs), the op's value made of other ops, gives. f sees
// views of the inputs, made here, so that going back from its value ends at them and not where one
// input depends on another (h on the weights, a step later). No input has five axes, so that each
// view is a record of its own: a reshape to the same shape is not.
template <class F>
void record_by_parts(const Recorded& c, const F& f) {
  std::vector<Var> inputs, wanted;
  for (int i = 0; i < c.arity(); ++i)
    if (c.wants(i)) wanted.push_back(reshape(c.input(i), {1, 1, 1, 1, c.input_shape(i).size()}));
  for (int i = 0, next = 0; i < c.arity(); ++i)
    inputs.push_back(c.wants(i)
                         ? reshape(wanted[static_cast<std::size_t>(next++)], c.input_shape(i))
                         : c.input(i));
  const std::vector<Var> d = recorded_vector_jacobian(f(inputs), wanted, c.gradient());
  std::size_t next = 0;
  for (int i = 0; i < c.arity(); ++i)
    if (c.wants(i)) c.add(i, reshape(d[next++], c.input_shape(i)));
}

}  // namespace metatape::ops
