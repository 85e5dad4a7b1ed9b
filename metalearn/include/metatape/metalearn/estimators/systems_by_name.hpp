// systems_by_name.hpp: systems in one line of text: "influence-balancing:n=23".
// What an optimizer does to an optimizee is named by those two; these are not of that form, or need
// more than the two say.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/estimators/dynamics.hpp"
#include "metatape/tasks/spec.hpp"

namespace metatape::metalearn {

/// Runs of any length, and the φ that they are looked at by. In float64.
struct NamedSystem {
  Params phi{};
  std::function<System(std::int64_t steps)> runs{};
};

/// All that system_by_name knows, for lists and help.
const std::vector<tasks::SpecInfo>& systems_by_name();

/// influence-balancing, pes-2d, noisy-quadratic (closed_systems.hpp), "name" or
/// "name:key=value,...".
/// tasks::SpecError for an unknown system or key (naming the nearest), a key given twice or without
/// a value, and a value that cannot be (naming what is expected).
NamedSystem system_by_name(std::string_view spec);

}  // namespace metatape::metalearn
