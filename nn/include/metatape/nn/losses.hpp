// losses.hpp: losses by the names under which they are looked for. All are means over all elements
// (or rows) and differentiable twice; the mean of nothing is a ShapeError.
#pragma once

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape::nn {

/// softmax_cross_entropy of logits [n, k] and labels [n]. With smoothing s in [0, 1) the target is
/// 1 - s at the label plus s / k everywhere (Szegedy et al. 2016).
Var cross_entropy(Var logits, const Indices& labels, double smoothing = 0);
/// -(1/n) Σ log_probabilities[i, labels[i]], for what log_softmax or a learner made.
Var negative_log_likelihood(Var log_probabilities, const Indices& labels);
/// sigmoid_cross_entropy of logits and targets in [0, 1] of equal shape.
Var binary_cross_entropy(Var logits, Var targets);

/// Mean of (x - target)². Equal shapes, as in all that follow (ShapeError: broadcasting a target
/// by accident is a mistake that trains).
Var mean_squared_error(Var x, Var target);
/// Mean of |x - target|.
Var mean_absolute_error(Var x, Var target);
/// Mean of d²/2 where |d| <= delta, delta (|d| - delta/2) beyond; d = x - target. Huber (1964).
Var huber(Var x, Var target, double delta = 1);

/// The share of rows of logits [n, k] whose largest element stands at the label; a number, not
/// differentiable. ShapeError for n = 0.
double accuracy(Var logits, const Indices& labels);

}  // namespace metatape::nn
