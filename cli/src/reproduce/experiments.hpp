// experiments.hpp: the experiments that `metatape reproduce` knows: command lines, and which of
// their numbers stand beside a paper's.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace metatape::cli {

/// One command of an experiment, run in a folder of this name. `{data}` is the data spec that the
/// user gave, `{name}` the folder of the step of that name.
struct ExperimentStep {
  std::string name;
  std::vector<std::string> small, paper;  ///< the words after `metatape`, by scale
};

/// A number of a step's result beside the paper's.
struct ExperimentRow {
  std::string what;
  std::optional<double> paper;  ///< empty: the paper gives none that we could check
  std::string step;
  std::string optimizer;  ///< in "optimizers" of the step's result
  std::string field;      ///< "final_mean"; its interval is the field with _ci95 for _mean
};

struct Experiment {
  std::string name;
  std::string what;    ///< one line
  std::string source;  ///< whose experiment, and where its numbers were read
  std::string note;    ///< what the numbers should be read with
  bool needs_mnist = false;
  std::vector<ExperimentStep> steps;
  std::vector<ExperimentRow> rows;
};

const std::vector<Experiment>& experiments();

}  // namespace metatape::cli
