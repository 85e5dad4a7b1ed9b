// binary.hpp: functions of two Vars, element by element, shapes broadcast by NumPy's rule
// (aligned at the last axis, extents equal or 1; ShapeError otherwise). A number or a Tensor beside
// a Var is a constant of the Var's type.
#pragma once

#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

Var add(Var a, Var b);
Var sub(Var a, Var b);
Var mul(Var a, Var b);
Var div(Var a, Var b);
Var pow(Var base, Var exponent);  ///< base > 0 where the exponent is differentiated
Var maximum(Var a, Var b);        ///< where equal, each gets half the gradient
Var minimum(Var a, Var b);
/// a where the mask is not 0, b elsewhere. The mask (0/1, a's type) is not differentiated.
Var where(Var mask, Var a, Var b);

// 1 where it holds, 0 elsewhere; not differentiable (their gradient is 0).
Var equal(Var a, Var b);
Var less(Var a, Var b);
Var less_equal(Var a, Var b);
Var greater(Var a, Var b);
Var greater_equal(Var a, Var b);

/// a * factor + offset in one op.
Var affine(Var a, double factor, double offset);

Var operator+(Var a, Var b);
Var operator-(Var a, Var b);
Var operator*(Var a, Var b);
Var operator/(Var a, Var b);
Var operator+(Var a, double b);
Var operator-(Var a, double b);
Var operator*(Var a, double b);
Var operator/(Var a, double b);
Var operator+(double a, Var b);
Var operator-(double a, Var b);
Var operator*(double a, Var b);
Var operator/(double a, Var b);
Var operator+(Var a, const Tensor& b);
Var operator-(Var a, const Tensor& b);
Var operator*(Var a, const Tensor& b);
Var operator/(Var a, const Tensor& b);
Var operator+(const Tensor& a, Var b);
Var operator-(const Tensor& a, Var b);
Var operator*(const Tensor& a, Var b);
Var operator/(const Tensor& a, Var b);

}  // namespace metatape
