// horizon.hpp: the gradient as a function of how far it looks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

struct HorizonPoint {
  std::int64_t steps = 0;    ///< length of the run, or of the windows
  double loss = 0;           ///< L of that run
  double norm = 0;           ///< of its gradient, or of the windows' gradient
  double cosine = 0;         ///< with the gradient of the longest run
  double relative_bias = 0;  ///< against it, as in comparison.hpp; NaN where it is 0 or diverged
  /// The step whose loss or state is not finite, T where the gradient alone overflows; loss and
  /// norm are infinite then.
  std::optional<std::int64_t> diverged{};
};

struct Horizon {
  std::vector<HorizonPoint> runs{};     ///< of runs of growing length
  std::vector<HorizonPoint> windows{};  ///< truncated to growing windows, of the longest run
  Params gradient{};                    ///< of the longest run; zeros where it diverges
};

struct HorizonOptions {
  /// Ascending, of runs and of windows; those above `steps` are left out. Empty: 1, 2, 5, 10, ...
  /// and `steps` itself, which is always there.
  std::vector<std::int64_t> lengths{};
  Order order = Order::exact;
  Key key{};  ///< of the run: the same function and minibatches at every length
  /// Asked before each point, from any thread; those left are then left out.
  std::function<bool()> stop{};
};

/// `system(steps)` gives runs of that length. Reverse mode throughout, in segments of √T steps, so
/// that memory grows with √T and no run is too long. Points in parallel.
/// DataError for fewer steps than 1 and lengths that are below 1 or do not ascend.
Horizon horizon_of(const std::function<System(std::int64_t steps)>& system, const Params& phi,
                   std::int64_t steps, const HorizonOptions& options = {},
                   Threads* threads = nullptr);

}  // namespace metatape::metalearn
