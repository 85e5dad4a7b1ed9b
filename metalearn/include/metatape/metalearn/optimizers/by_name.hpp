// by_name.hpp: optimizers in one line of text: "adam:learning_rate=1e-3,beta1=0.9",
// "lstm:hidden=20,input=raw,scale=1".
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

/// The spec of each learned one with its defaults. Besides these keys `seed` chooses the first
/// weights.
std::vector<std::string> learned_optimizers();

/// A learned one comes with its first weights; load_optimizer gives trained ones.
/// DataError names an unknown optimizer or key with the nearest one, and a value out of range with
/// the range.
AnyOptimizer optimizer_by_name(std::string_view spec);

}  // namespace metatape::metalearn
