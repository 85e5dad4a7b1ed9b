// reduce.hpp: sums and their kin over one axis, several, or all. Sums are taken in blocks of a
// fixed shape, so the bits do not depend on the number of threads. Differentiable twice and more.
#pragma once

#include <array>
#include <initializer_list>

#include "metatape/autodiff/var.hpp"

namespace metatape {

/// The axes to reduce; none given: all of them, to a scalar. Negative axes count from the end.
struct Axes {
  Axes() = default;
  Axes(int axis) : given(true), count(1), list{axis} {}  // NOLINT(google-explicit-constructor)
  /// At most six; ShapeError otherwise.
  Axes(std::initializer_list<int> axes);

  bool given = false;
  int count = 0;
  std::array<int, 6> list{};
};

enum class Keep { no, yes };  ///< whether a reduced axis stays, with extent 1

Var sum(Var x, const Axes& axes = {}, Keep keep = Keep::no);   ///< 0 over nothing
Var mean(Var x, const Axes& axes = {}, Keep keep = Keep::no);  ///< ShapeError over nothing
/// Largest and smallest; equals share the gradient evenly. ShapeError over nothing. NaN wins.
Var max(Var x, const Axes& axes = {}, Keep keep = Keep::no);
Var min(Var x, const Axes& axes = {}, Keep keep = Keep::no);
/// log Σ e^x, the maximum subtracted first; -inf over nothing or where all are -inf.
Var logsumexp(Var x, const Axes& axes = {}, Keep keep = Keep::no);
/// Mean squared deviation; divisor n - correction (0: biased). ShapeError when that is not
/// positive.
Var variance(Var x, const Axes& axes = {}, int correction = 0, Keep keep = Keep::no);
/// Euclidean length; the slope at 0 is 0.
Var norm(Var x, const Axes& axes = {}, Keep keep = Keep::no);

Var cumsum(Var x, int axis = -1);
Var cumprod(Var x, int axis = -1);  ///< differentiable at zeros too

}  // namespace metatape
