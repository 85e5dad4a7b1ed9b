// tune.hpp: the learning rate that suits a hand-crafted optimizer best, so that what it is compared
// with is compared honestly: tuned for the same number of steps, on other instances.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "metatape/metalearn/optimizers/trial.hpp"

namespace metatape::metalearn {

struct TuneOptions {
  TrialOptions
      trial{};  ///< steps as they will be judged; its key must not be that of the judgement
  double low = 1e-4, high = 10;  ///< where the search starts; it goes on past a best end
  std::function<void(double rate)> trying{};  ///< told before each rate
};

struct Tuning {
  struct Point {
    double learning_rate = 0;
    TrialSummary summary{};
  };
  std::string spec{};         ///< with the best rate put in
  double best = 0;            ///< the rate
  bool at_edge = false;       ///< no rate beyond it was tried: the true best may lie there
  std::vector<Point> grid{};  ///< by rising rate
};

/// Tries rates half a decade apart from `low` to `high`, goes on outwards while the best is at an
/// end (down to 1e-10, up to 1e6), then a quarter, an eighth, ... a 32nd of a decade beside the
/// best. Best is the least mean of the last five losses; a rate at which any run diverges, or ends
/// above ten times its first loss, loses to every one at which none does. Where such a rate lies a
/// 32nd of a decade (7 %) above the best, the one as far below is taken: right at the brink the
/// next instances would fall. Stops early, with what was tried, when `trial.stop` says so.
///
/// `spec` is a hand-crafted optimizer, "adam:beta1=0.95", without its learning_rate. Throws what
/// optimizer_by_name throws, DataError when it names a rate already, and NumericError when all runs
/// diverge at every rate.
Tuning tune_learning_rate(const std::string& spec, const tasks::AnyOptimizee& optimizee,
                          const TuneOptions& options = {});

/// True when the spec says its learning_rate itself.
bool has_learning_rate(const std::string& spec);

}  // namespace metatape::metalearn
