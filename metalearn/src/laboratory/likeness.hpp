// likeness.hpp: how one gradient stands to another, beside its cosine (comparison.hpp).
#pragma once

#include "metatape/autodiff/params.hpp"

namespace metatape::metalearn::detail {

/// Every entry is finite.
bool all_finite(const Params& p);

/// p divided by its largest entry in size, which is returned; 0 for zeros. Products of what is left
/// cannot overflow, as those of gradients of 1e200 would.
double take_scale(Params& p);

/// Euclidean, without overflow on the way.
double norm(const Params& p);

/// <a - reference, reference> / ‖reference‖²; NaN for a reference of 0.
double relative_bias(const Params& a, const Params& reference);

}  // namespace metatape::metalearn::detail
