#include "commands.hpp"

#include <utility>

namespace metatape::cli {

namespace {

constexpr Command table[] = {
    {"gradients", "check", "every op held against its definition: worst errors",
     "metatape gradients check\nmetatape gradients check --op matmul --json -", gradients_check},
    {"data", "show", "what is in a data set: counts, sizes, a contact sheet",
     "metatape data show strokes\nmetatape data show omniglot:images_background.zip --out sheet",
     data_show},
    {"data", "check", "reads everything and names each file that is broken",
     "metatape data check folder:drawings\nmetatape data check strokes", data_check},
};

constexpr std::pair<std::string_view, const char*> summaries[] = {
    {"fewshot", "learners that need few examples"},
    {"gradients", "derivatives, checked and studied"},
    {"data", "what is learned on"},
};

}  // namespace

std::span<const Command> commands() { return table; }

std::string noun_summary(std::string_view noun) {
  for (const auto& [name, summary] : summaries)
    if (name == noun) return summary;
  return "";
}

}  // namespace metatape::cli
