// experiments.hpp: the experiments that `metatape reproduce` knows: command lines, and which of
// their numbers stand beside a paper's; or a study, which finds such numbers itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "studies.hpp"

namespace metatape::cli {

/// One command of an experiment, run in a folder of this name. `{data}` and `{task}` are what the
/// user gave, `{name}` the folder of the step of that name.
struct ExperimentStep {
  std::string name;
  /// The words after `metatape`, by scale; none: the step, and its rows, are not of that scale.
  std::vector<std::string> small, paper;
};

/// A number of a step's result beside the paper's.
struct ExperimentRow {
  std::string what;
  std::optional<double> paper;  ///< empty: the paper gives none that we could check
  std::string step;
  std::string value;  ///< where in the step's result, a JSON pointer: /optimizers/adam/sum_mean
  std::string interval{};  ///< where its half-width of 95 % is; empty: it has none
  double factor = 1;       ///< 100 makes a share per cent
};

struct Experiment {
  std::string name;
  std::string what;    ///< one line
  std::string source;  ///< whose experiment, and where its numbers were read
  std::string note;    ///< what the numbers should be read with
  std::string unit{};  ///< of the numbers: the figure's axis; of a study, which draws its own, none
  std::string data{};  ///< the bare name of the data it needs: mnist, omniglot; empty: none
  bool task = false;   ///< it needs --task, Lake's one-shot runs
  std::vector<ExperimentStep> steps{};
  std::vector<ExperimentRow> rows{};
  Study study{};  ///< instead of steps and rows
};

/// All of them: optimizer_experiments.cpp, fewshot_experiments.cpp, gradient_experiments.cpp.
const std::vector<Experiment>& experiments();
std::vector<Experiment> optimizer_experiments();
std::vector<Experiment> fewshot_experiments();
std::vector<Experiment> gradient_experiments();

/// The words of a line.
std::vector<std::string> words_of(const std::string& line);

}  // namespace metatape::cli
