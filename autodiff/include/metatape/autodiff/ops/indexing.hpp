// indexing.hpp: elements taken and put by Indices. Positions out of range throw DataError with the
// first bad one. Differentiable any number of times in the values.
#pragma once

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

/// Entries of an axis at `positions` [k]: the axis has extent k in the result. Repeats are fine.
Var gather(Var x, const Indices& positions, int axis = 0);
/// The other way: zeros with `extent` entries along the axis; entry i of x is added at
/// positions[i].
Var scatter_add(Var x, const Indices& positions, std::int64_t extent, int axis = 0);
/// One element of each row: x [n, k], positions [n] in [0, k) -> [n].
Var pick(Var x, const Indices& positions);
/// Rows of a table [words, width] at positions of any shape: [positions..., width].
Var embedding(Var table, const Indices& positions);
/// 1 at the label, 0 elsewhere: [labels..., classes], a constant on x's tape with its type.
Tensor one_hot(const Indices& labels, std::int64_t classes, DType dtype = DType::f32);

/// Position of the largest element along an axis (the first of equals; NaN counts as largest); the
/// axis is gone. Not differentiable. ShapeError on an empty axis.
Indices argmax(Var x, int axis = -1);
/// Positions that sort an axis in ascending order; stable; NaN last.
Indices argsort(Var x, int axis = -1);
/// Sorted ascending along an axis: the gradient goes back to where each element came from.
Var sort(Var x, int axis = -1);

}  // namespace metatape
