// setup.hpp: what the commands of `optimizer` have in common: the problem, its data, how long.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../figure.hpp"
#include "../invocation.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/optimizers/trial.hpp"
#include "metatape/metalearn/optimizers/tune.hpp"
#include "metatape/tasks/optimizees/by_name.hpp"

namespace metatape::cli {

/// The problem that is minimised, as the user gives it.
struct ProblemSettings {
  std::string optimizee = "quadratic";
  std::string data;  ///< "" or a data spec for `data=` of classifiers
  int steps = 100;
  int instances = 100;

  /// `optimizee`, `data` and `steps`.
  void declare(Settings& settings);
  /// How many runs are tried.
  void declare_instances(Settings& settings);

  /// The optimizee, drawing from the share of the images that is meant for `purpose`. What is wrong
  /// with its spec is a UsageError.
  [[nodiscard]] tasks::AnyOptimizee make(tasks::Purpose purpose) const;

 private:
  std::shared_ptr<tasks::ImageCache> images_ = std::make_shared<tasks::ImageCache>();
};

/// Key of the instances that rates are tuned on, and of those that are reported: one seed, two
/// streams.
Key tuning_key(std::uint64_t seed);
Key evaluation_key(std::uint64_t seed);

/// Optimizers of a list "sgd,adam:beta1=0.95,momentum": a comma before a name begins another.
std::vector<std::string> split_optimizers(const std::string& list);

/// The rate for `spec` by tune_learning_rate on `purpose` tune, with progress; Interrupted when
/// stopped. UsageError for an unknown optimizer.
metalearn::Tuning tune(const std::string& spec, const ProblemSettings& problem, int instances,
                       std::uint64_t seed, Threads& threads, Console& console);

/// `spec` checked: a UsageError instead of a DataError.
metalearn::AnyOptimizer hand_crafted(const std::string& spec);

/// A trial's numbers as JSON: final_mean, final_ci95, final_median, final_low, final_high,
/// last5_mean, last5_ci95, sum_mean, functions, diverged, first_divergence. Null where there is no
/// number.
Json numbers_of(const metalearn::TrialSummary& summary);

/// The mean over functions by step with its 10 % to 90 % band.
Series curve_of(const std::string& name, const metalearn::Trial& trial);

}  // namespace metatape::cli
