// structure.hpp: the same elements in another arrangement. Differentiable any number of times.
// reshape, rows and view_range share their input's memory and cost nothing; the others copy.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "metatape/autodiff/var.hpp"

namespace metatape {

/// Elements [first, first + shape.size()) of x in row-major order, seen as `shape`; shares.
Var view_range(Var x, std::int64_t first, const Shape& shape);
/// The other way: zeros of `shape` with x's elements at [first, first + x.size()).
Var embed_range(Var x, const Shape& shape, std::int64_t first);

/// Shares; equal size. One extent may be -1: it is what is left.
Var reshape(Var x, const Shape& shape);
Var reshape(Var x, std::initializer_list<std::int64_t> extents);
/// Axes from `axis` on in one; shares.
Var flatten(Var x, int axis = 0);
/// A new axis of extent 1; an axis of extent 1 taken away; both share.
Var unsqueeze(Var x, int axis);
Var squeeze(Var x, int axis);
/// Entries [first, last) of the leading axis; shares.
Var rows(Var x, std::int64_t first, std::int64_t last);
/// One entry of the leading axis, that axis gone; shares.
Var row(Var x, std::int64_t index);

/// Axes in another order: axis i of the result is axis order[i] of x.
Var permute(Var x, std::initializer_list<int> order);
Var permute(Var x, std::span<const int> order);
/// The last two axes exchanged. matmul takes transposed factors without this copy.
Var transpose(Var x);
Var transpose(Var x, int axis_a, int axis_b);
Var broadcast_to(Var x, const Shape& shape);
/// The other way: summed over the axes that broadcasting `shape` to x's shape would stretch.
Var sum_to(Var x, const Shape& shape);

/// Every step-th entry of [first, last) along an axis; step >= 1.
Var slice(Var x, int axis, std::int64_t first, std::int64_t last, std::int64_t step = 1);
Var concat(std::span<const Var> parts, int axis = 0);
Var concat(std::initializer_list<Var> parts, int axis = 0);
Var stack(std::span<const Var> parts, int axis = 0);  ///< along a new axis
Var stack(std::initializer_list<Var> parts, int axis = 0);
/// Parts of these extents along an axis; they must add up.
std::vector<Var> split(Var x, std::span<const std::int64_t> extents, int axis = 0);
/// `count` equal parts.
std::vector<Var> split(Var x, std::int64_t count, int axis = 0);
/// `before` and `after` entries of `value` put around an axis.
Var pad(Var x, int axis, std::int64_t before, std::int64_t after, double value = 0);
Var flip(Var x, int axis);  ///< in reverse order along an axis

}  // namespace metatape
