// by_name.hpp: hand-crafted optimizers in one line of text: "adam:learning_rate=1e-3,beta1=0.9".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/optimizers/hand_crafted.hpp"

namespace metatape::metalearn {

/// Names and their rates with defaults, for lists and help.
struct OptimizerInfo {
  std::string name;
  Rates rates;
};
const std::vector<OptimizerInfo>& hand_crafted_optimizers();

/// DataError names an unknown optimizer or rate with the nearest one, and a value out of range with
/// the range.
AnyOptimizer optimizer_by_name(std::string_view spec);

}  // namespace metatape::metalearn
