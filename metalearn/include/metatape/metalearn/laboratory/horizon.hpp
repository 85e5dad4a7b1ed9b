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
  double loss = 0;
  double norm = 0;           ///< of the exact gradient (of the windows' gradient)
  double cosine = 0;         ///< with the exact gradient of the whole run
  double relative_bias = 0;  ///< as in comparison.hpp
  std::optional<std::int64_t> diverged{};
};

struct Horizon {
  std::vector<HorizonPoint> runs{};     ///< exact, of runs of growing length
  std::vector<HorizonPoint> windows{};  ///< truncated to growing windows, of the longest run
  Params gradient{};                    ///< exact, of the longest run
};

struct HorizonOptions {
  std::vector<std::int64_t> lengths{};  ///< ascending; empty: 1, 2, 5, 10, ... and `steps` itself
  Order order = Order::exact;
  Key key{};
  std::function<bool()> stop{};
};

/// `system(steps)` gives runs of that length.
Horizon horizon_of(const std::function<System(std::int64_t steps)>& system, const Params& phi,
                   std::int64_t steps, const HorizonOptions& options = {},
                   Threads* threads = nullptr);

}  // namespace metatape::metalearn
