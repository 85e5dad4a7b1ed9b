// clip.hpp: gradients held to a size before a step.
#pragma once

#include "metatape/autodiff/bound.hpp"

namespace metatape::metalearn {

/// Scaled down to a Euclidean norm of `most` over all tensors where it is larger; returns the norm
/// that it had. Pascanu, Mikolov and Bengio (2013).
double clip_by_norm(Params& gradient, double most);
/// The same recorded: gradient · min(1, most / norm).
Bound clip_by_norm(const Bound& gradient, double most);

/// Each element held to [-most, most].
void clip_by_value(Params& gradient, double most);
Bound clip_by_value(const Bound& gradient, double most);

}  // namespace metatape::metalearn
