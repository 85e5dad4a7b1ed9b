// check.hpp: derivatives held against central differences. Public, because users write ops too.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

/// A function to check: its result may have any shape, it is contracted with a random cotangent.
using CheckedFunction = std::function<Var(std::span<const Var>)>;

struct CheckOptions {
  Key key{1};             ///< directions and cotangents
  int draws = 5;          ///< random directions and cotangents tried
  double epsilon = 1e-6;  ///< of the central differences, times max(1, |x|)
  bool recorded = true;   ///< check the recorded pullback against the fast one
  bool second = true;     ///< check second order (the recorded gradient's gradient)
};

/// The worst |analytic - numeric| / max(1, |analytic|) over the draws.
struct CheckResult {
  double first_order = 0;
  double recorded = 0;  ///< recorded against fast pullback; 0 where not asked for
  /// The recorded gradient's gradient, in the inputs and in the cotangent (a Jacobian-vector
  /// product); 0 where not asked for.
  double second_order = 0;
};

/// Checks f at these float64 inputs. DTypeError for float32 inputs.
CheckResult check_gradients(const CheckedFunction& f, std::span<const Tensor> inputs,
                            const CheckOptions& options = {});

}  // namespace metatape
