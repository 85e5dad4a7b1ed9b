#include "experiments.hpp"

#include <sstream>

namespace metatape::cli {

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> all = [] {
    std::vector<Experiment> every = optimizer_experiments();
    for (auto more : {fewshot_experiments(), gradient_experiments()})
      for (Experiment& e : more) every.push_back(std::move(e));
    return every;
  }();
  return all;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> all;
  std::istringstream in(line);
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

}  // namespace metatape::cli
