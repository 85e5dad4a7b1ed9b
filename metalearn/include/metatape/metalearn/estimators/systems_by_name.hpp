// systems_by_name.hpp: systems in one line of text: "influence-balancing:n=23".
// What an optimizer does to an optimizee is named by those two; these are not of that form, or need
// more than the two say.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/estimators/dynamics.hpp"

namespace metatape::metalearn {

/// Runs of any length, and the φ that they are looked at by. In float64.
struct NamedSystem {
  Params phi{};
  std::function<System(std::int64_t steps)> runs{};
};

/// For lists and help.
struct SystemInfo {
  struct Key {
    std::string name;
    std::string standard;  ///< the value when it is not given
    std::string what;      ///< values and effect
  };
  std::string name;
  std::string what;  ///< one line
  std::vector<Key> keys;
};
const std::vector<SystemInfo>& systems_by_name();

/// influence-balancing, pes-2d, noisy-quadratic (closed_systems.hpp), "name" or
/// "name:key=value,...".
/// DataError for an unknown system or key (naming the nearest), a key given twice or without a
/// value, and a value that cannot be (naming what is expected).
NamedSystem system_by_name(std::string_view spec);

}  // namespace metatape::metalearn
