// experiments_test.cpp: the command lines and rows of `metatape reproduce`, without running them.
#include "reproduce/experiments.hpp"

#include <algorithm>
#include <set>

#include "commands.hpp"
#include "invocation.hpp"
#include "support/catch.hpp"

using namespace metatape::cli;

// Every scale's steps are commands that there are, built on steps before them; every row reads one.
TEST_CASE("experiments hang together", "[reproduce]") {
  std::set<std::string> names;
  for (const Experiment& e : experiments()) {
    INFO(e.name);
    CHECK(names.insert(e.name).second);
    CHECK(static_cast<bool>(e.study) == e.steps.empty());
    CHECK(e.unit.empty() == e.steps.empty());
    for (const bool paper : {false, true}) {
      std::set<std::string> before;
      for (const ExperimentStep& step : e.steps) {
        INFO(step.name);
        const std::vector<std::string>& words = paper ? step.paper : step.small;
        if (words.empty()) continue;
        CHECK(std::ranges::any_of(commands(), [&](const Command& c) {
          return c.noun == words.at(0) && c.verb == words.at(1);
        }));
        for (const std::string& word : words) {
          if (!word.starts_with('{')) continue;
          const std::string name = word.substr(1, word.size() - 2);
          if (name == "data")
            CHECK_FALSE(e.data.empty());
          else if (name == "task")
            CHECK(e.task);
          else
            CHECK(before.contains(name));
        }
        CHECK(before.insert(step.name).second);
      }
    }
    for (const ExperimentRow& row : e.rows) {
      INFO(row.what);
      CHECK(std::ranges::any_of(e.steps, [&](const ExperimentStep& s) {
        return s.name == row.step && !s.paper.empty();
      }));
      CHECK(row.value.starts_with('/'));
    }
  }
  for (const char* name :
       {"quadratics", "mnist-mlp", "omniglot-few-shot", "one-shot-challenge", "lstm-meta-learner",
        "short-horizon-bias", "chaos", "pes-bias", "hypergradient", "second-order"})
    CHECK(names.contains(name));
}
