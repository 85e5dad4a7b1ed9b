// list.cpp: `metatape optimizer list`: what can be minimised, by what, and the keys of each.
#include <fmt/format.h>

#include "../commands.hpp"
#include "../invocation.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/tasks/optimizees/by_name.hpp"

namespace metatape::cli {

int optimizer_list(Invocation& in) {
  in.parse();
  std::string text = "Optimizees (--optimizee NAME:KEY=VALUE,...)\n";
  Json optimizees = Json::array(), optimizers = Json::array();
  for (const tasks::SpecInfo& info : tasks::optimizees_by_name()) {
    text += fmt::format("\n  {:<16} {}\n", info.name, info.what);
    Json keys = Json::array();
    for (const auto& key : info.keys) {
      text += fmt::format("    {:<14} {} (default {})\n", key.name, key.what,
                          key.standard.empty() ? "none" : key.standard);
      keys.push_back({{"name", key.name}, {"default", key.standard}, {"what", key.what}});
    }
    optimizees.push_back({{"name", info.name}, {"what", info.what}, {"keys", std::move(keys)}});
  }
  text += "\nHand-crafted optimizers (--optimizer, --against NAME:KEY=VALUE,...)\n\n";
  for (const metalearn::OptimizerInfo& info : metalearn::hand_crafted_optimizers()) {
    std::vector<std::string> rates;
    Json keys = Json::array();
    for (const metalearn::Rate& rate : info.rates) {
      rates.push_back(fmt::format("{}={:g}", rate.name, rate.value));
      keys.push_back({{"name", rate.name}, {"default", rate.value}});
    }
    text += fmt::format("  {:<16} {}\n", info.name, joined(rates, ","));
    optimizers.push_back({{"name", info.name}, {"keys", std::move(keys)}});
  }
  text += "\nLearned optimizers (optimizer train --model)\n\n";
  const std::vector<std::string> learned = metalearn::learned_optimizers();
  for (const std::string& spec : learned) text += "  " + spec + "\n";
  in.console.print(text);
  in.finish({{"optimizees", std::move(optimizees)},
             {"optimizers", std::move(optimizers)},
             {"learned", learned}});
  return exit_done;
}

}  // namespace metatape::cli
