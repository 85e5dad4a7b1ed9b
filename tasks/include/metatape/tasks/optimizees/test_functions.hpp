// test_functions.hpp: the classical functions that optimizers are tried on, and small closed cases
// whose unrolled derivatives are known. Each by name, with its start and its minima.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

/// Where minimisation starts: each coordinate on its own.
struct StartRange {
  enum class Law {
    uniform,  ///< in [a, b); a = b: always there
    normal,   ///< mean a, deviation b
  };
  Law law = Law::uniform;
  double a = 0;
  double b = 0;
};

/// A function of a few coordinates.
///
///   initial   "theta" [functions, coordinates]
///   loss      [functions], or [] for one
struct TestFunction {
  std::string called{};   ///< "rosenbrock"
  std::string formula{};  ///< one line, for lists
  /// f at coordinates x[0], x[1], ..., each of shape [functions]. The key is for functions that are
  /// random; the others leave it aside.
  std::function<Var(std::span<const Var> x, Key key)> value{};
  std::vector<StartRange> start{};            ///< one a coordinate
  std::vector<std::vector<double>> minima{};  ///< all points of least value; empty: none is known
  double minimum = std::numeric_limits<double>::quiet_NaN();  ///< f there
  int functions = 1;                                          ///< independent starts side by side

  [[nodiscard]] std::string name() const;
  /// Throws DataError for fewer than one function.
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const;
};

/// All that have no settings: ackley, beale, booth, branin, himmelblau, log_sum_exp, matyas,
/// mccormick (raised by 1.92, so that it stays above 0), michalewicz, rastrigin, rosenbrock, saddle
/// (no minimum), styblinski_tang; and the closed cases coupled, pes_2d, quartic, noisy_quadratic.
/// Formulas and starts of the first are those that Wichrowska et al. (2017) trained on, where they
/// used the function.
const std::vector<TestFunction>& test_functions();

/// DataError names the nearest of them.
TestFunction test_function(std::string_view name);

/// f = curvature/2 x², one coordinate, always from `start`: SGD at rate α has
/// x_t = (1 - α curvature)^t start.
TestFunction bowl(double curvature = 2, double start = 1);

/// f = x⁴/4 - x²/2, always from `start`: gradient descent is chaotic at rates above about 1.3.
TestFunction double_well(double start = 0.5);

}  // namespace metatape::tasks
