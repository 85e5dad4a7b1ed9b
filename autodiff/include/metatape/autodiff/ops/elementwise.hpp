// elementwise.hpp: functions of one Var, element by element; shape and type are the input's.
// All are differentiable twice and more, but where a line says otherwise. float32 values are within
// 4 ulp of the exact ones over the whole domain. NaN passes through.
#pragma once

#include "metatape/autodiff/var.hpp"

namespace metatape {

Var neg(Var x);
Var operator-(Var x);
Var exp(Var x);
Var expm1(Var x);
Var log(Var x);  ///< -inf at 0, NaN below
Var log1p(Var x);
Var sqrt(Var x);   ///< slope inf at 0
Var rsqrt(Var x);  ///< 1 / sqrt(x)
Var square(Var x);
Var abs(Var x);   ///< slope 0 at 0
Var sign(Var x);  ///< -1, 0, 1; slope 0
Var sin(Var x);
Var cos(Var x);
Var tanh(Var x);
Var sigmoid(Var x);                          ///< 1 / (1 + e^-x)
Var relu(Var x);                             ///< max(x, 0); slope 0 at 0, second derivative 0
Var leaky_relu(Var x, double slope = 0.01);  ///< x above 0, slope * x below
Var elu(Var x, double alpha = 1.0);          ///< x above 0, alpha (e^x - 1) below
Var softplus(Var x);                         ///< log(1 + e^x), without overflow
Var gelu(Var x);                             ///< x Φ(x), by erf (Hendrycks and Gimpel 2016)
Var erf(Var x);
Var asinh(Var x);
Var reciprocal(Var x);
Var pow(Var x, double exponent);  ///< x ^ exponent; the slope at 0 of an exponent >= 1 is exact
/// x held to [low, high]; slope 1 inside and at the ends, 0 outside. DataError when low > high.
Var clamp(Var x, double low, double high);
/// The value of `y`, the gradient of x: dy/dx taken as 1 (Bengio et al. 2013). Equal shapes.
Var straight_through(Var x, Var y);
/// Converted to the other type; differentiable, the gradient is converted back.
Var cast(Var x, DType dtype);

}  // namespace metatape
