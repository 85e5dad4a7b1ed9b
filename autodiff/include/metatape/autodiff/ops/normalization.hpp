// normalization.hpp: softmax and its losses, batch and layer normalisation. Differentiable twice.
#pragma once

#include <utility>

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

Var softmax(Var x, int axis = -1);
Var log_softmax(Var x, int axis = -1);

/// Softmax cross-entropy, averaged over the batch.
///
///   logits   [n, k]   any real numbers; the row maximum is subtracted first
///   labels   [n]      integers in [0, k)
///   returns  []       -(1/n) Σ_i log softmax(logits_i)[labels_i]
///
/// n = 0 throws ShapeError: the mean of nothing is not a loss. DataError names the first bad label
/// and its row. Bridle (1990).
Var softmax_cross_entropy(Var logits, const Indices& labels);
/// The same against probabilities [n, k] (rows sum to 1; not checked), differentiable in both.
Var softmax_cross_entropy(Var logits, Var targets);
/// Binary: mean of softplus(x) - t x, for logits and targets in [0, 1] of equal shape.
Var sigmoid_cross_entropy(Var logits, Var targets);

/// What batch normalisation used: per channel, biased variance.
struct BatchStatistics {
  Var mean;      ///< [channels]
  Var variance;  ///< [channels]
};

/// Mean and biased variance over all axes but the last, differentiable.
BatchStatistics batch_statistics(Var x);

/// gamma (x - mean) / sqrt(variance + epsilon) + beta over the last axis, with statistics of x
/// itself (differentiated through). Ioffe and Szegedy (2015). gamma, beta: [channels].
/// ShapeError when a channel has no elements.
Var batch_norm(Var x, Var gamma, Var beta, double epsilon = 1e-5);
/// relu(batch_norm(x, gamma, beta)) and max_pool2d of that, in fewer passes over x and with nothing
/// kept of what lies between. For the pool x is [n, height, width, channels], at least 2 x 2.
Var batch_norm_relu(Var x, Var gamma, Var beta, double epsilon = 1e-5);
Var batch_norm_relu_pool(Var x, Var gamma, Var beta, double epsilon = 1e-5);
/// Batch normalisation with the statistics given (running ones, or another batch's).
Var batch_norm(Var x, Var gamma, Var beta, const BatchStatistics& statistics,
               double epsilon = 1e-5);

/// Over the last axis of each row: gamma (x - mean) / sqrt(variance + epsilon) + beta.
/// Ba, Kiros and Hinton (2016).
Var layer_norm(Var x, Var gamma, Var beta, double epsilon = 1e-5);

}  // namespace metatape
