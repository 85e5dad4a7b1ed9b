// nearest_name.hpp: "did you mean": the candidate that a mistyped name is nearest to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace metatape::tasks {

/// The candidate with the least edit distance (insert, delete, change, swap neighbours: 1 each) to
/// `name`, the first of equals; empty when none is within a third of the name's length, at least 2.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean 'X'?", or nothing when no candidate is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace metatape::tasks
