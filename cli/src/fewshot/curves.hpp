// curves.hpp: accuracy against shots and ways.
#pragma once

#include <string>
#include <vector>

#include "../run_folder.hpp"
#include "judge.hpp"

namespace metatape::cli {

/// "1", "5-8", ... in ascending order, each number once. UsageError names what is no whole number
/// of at least `least`.
std::vector<int> counts_of(const std::string& option, const std::vector<std::string>& words,
                           int least);

struct CurveOptions {
  std::vector<int> shots{}, ways{};  ///< empty: those of the settings
  std::string head{};                ///< printed above the table
};

/// Judges `who` and the pixel baselines at each of the shots and ways, prints a row each, draws
/// them where there is a folder. What the split cannot give is left out and said. UsageError when
/// none of them can be asked, or the learner's head does not fit one. Gives `points` for the
/// summary.
Json curves(Judge& judge, const Judged& who, const FewShotSettings& settings,
            const CurveOptions& options, const RunFolder* folder, Console& console);

}  // namespace metatape::cli
