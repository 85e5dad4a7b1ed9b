#include "steps.hpp"

#include <fmt/format.h>

#include <fstream>

#include "commands.hpp"

namespace metatape::cli {

void run_step(Invocation& whole, std::vector<std::string> typed) {
  const auto add = [&](std::initializer_list<std::string> words) {
    typed.insert(typed.end(), words);
  };
  add({"--threads", std::to_string(whole.common.threads), "--color", whole.common.color});
  if (whole.common.quiet) add({"--quiet"});
  if (whole.common.verbose) add({"--verbose"});
  whole.console.note(fmt::format("metatape {}", joined(typed, " ")));
  std::vector<std::string> said{"metatape"};
  said.insert(said.end(), typed.begin(), typed.end());
  for (const Command& c : commands()) {
    if (c.noun != typed[0] || c.verb != typed[1]) continue;
    Invocation step(c, {typed.begin() + 2, typed.end()}, said);
    step.silent = whole.common.json == "-" || whole.silent;
    c.run(step);
  }
}

std::optional<Json> result_of(const std::filesystem::path& summary) {
  std::ifstream file(summary);
  if (!file) return {};
  const Json object = Json::parse(file, nullptr, false);
  if (!object.is_object() || !object.contains("result")) return {};
  const auto interrupted = object.find("interrupted");
  if (interrupted != object.end() && *interrupted == true) return {};
  return object["result"];
}

}  // namespace metatape::cli
