// losses.hpp: losses averaged over the batch, by their usual names; all in one place to be found.
#pragma once

#include "metatape/autodiff/ops/normalization.hpp"

namespace metatape::nn {

using metatape::sigmoid_cross_entropy;
using metatape::softmax_cross_entropy;

/// Mean of (x - y)².
Var mean_squared_error(Var x, Var y);
/// Mean of ½ (x - y)² within `delta`, delta (|x - y| - ½ delta) beyond. Huber (1964).
Var huber(Var x, Var y, double delta = 1);
/// Share of rows whose largest logit is at the label; not differentiable.
double accuracy(Var logits, const Indices& labels);

}  // namespace metatape::nn
