// study.hpp: what the studies of `gradients` have in common: the run whose gradient is asked, the
// numbers φ that it is taken by, and what a study leaves in its folder.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../invocation.hpp"
#include "../optimizer/setup.hpp"
#include "../progress.hpp"
#include "../report_page.hpp"
#include "metatape/metalearn/estimators/by_name.hpp"
#include "metatape/metalearn/estimators/dynamics.hpp"

namespace metatape::cli {

/// A system, and where in φ it is looked at.
struct Study {
  tasks::AnyOptimizee optimizee{};
  metalearn::AnyOptimizer optimizer{};  ///< with φ's numbers free
  std::string optimizer_name{};         ///< as the user knows it
  /// Instead of those: runs of a length, of a system with a name (systems_by_name.hpp).
  std::function<metalearn::System(std::int64_t steps)> named{};
  Params phi{};
  metalearn::MinimisationOptions options{};
  Key key{};  ///< of the run that all studies of one seed look at

  [[nodiscard]] metalearn::System runs_of(std::int64_t steps) const;
  [[nodiscard]] metalearn::System runs() const { return runs_of(options.steps); }
};

/// An optimizer at work, or a system with a name, as the user gives it.
struct StudySettings {
  ProblemSettings problem;
  std::string run, system, objective = "sum";
  std::optional<std::string> optimizer;
  std::vector<std::string> with_respect_to;

  /// Problem and optimizer; `gradient`: also what is asked of them, objective and φ. Declares
  /// float64 as the common option's default.
  void declare(Invocation& in, bool gradient);

  /// The optimizer where the user names none: sgd. `otherwise`: φ where the user does not say;
  /// empty: the rate, or all of a learned optimizer's weights; a named system has a φ of its own.
  /// What cannot be is a UsageError.
  [[nodiscard]] Study make(const Invocation& in, const std::vector<std::string>& otherwise = {});
  /// "quadratic by adam", or the named system.
  [[nodiscard]] std::string title(const Study& study) const;
  /// Settings for the head of a page and for the result object.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> facts(const Study& study) const;
  [[nodiscard]] Json result(const Study& study) const;

 private:
  [[nodiscard]] Study make_named(const Invocation& in) const;

  bool gradient_ = false;
};

/// An estimator as it was asked for.
struct AskedEstimator {
  metalearn::AnyEstimator estimator{};
  std::optional<double> sigma{};  ///< of those that perturb φ
  /// Its name, and σ where the list has it by several: "es:64 σ=0.01".
  std::string label{};
};

/// Estimators of a list, and what their names do not say.
struct EstimatorSettings {
  std::vector<std::string> names;
  std::vector<std::string> sigma{};  ///< as text
  std::optional<std::int64_t> window{};

  void declare(Settings& settings);
  /// Fills in what is missing, `sigma` by the size of φ. Estimators in the list's order, those that
  /// perturb φ once for each σ. A UsageError for an unknown name, a σ that cannot be, and a window
  /// that is longer than the run.
  [[nodiscard]] std::vector<AskedEstimator> make(const Study& study);
  [[nodiscard]] std::vector<double> sigmas() const;
};

/// Numbers above 0 of a list, no two alike; a UsageError for `option` names one that cannot be.
std::vector<double> positive_numbers(const std::string& option,
                                     const std::vector<std::string>& list);

/// --lengths: ascending, from 1 to the run's own; a UsageError names one that cannot be.
std::vector<std::int64_t> lengths_of(const std::vector<std::string>& list, std::int64_t steps);

/// At most 16 numbers of φ or of a gradient, which is what results show.
Json numbers_of(const Params& p);

/// A number of a table: four digits, "-" when it is not finite.
std::string digits(double value);

/// Asked between pieces of work: counts them on the progress line and tells whether a signal came.
/// From any thread.
class WorkCount {
 public:
  explicit WorkCount(Progress& progress) : progress_(progress) {}
  bool operator()();

 private:
  Progress& progress_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
};

/// The end of a study: table.csv, report.html, the summary. Throws Interrupted after a signal.
void finish_study(Invocation& in, const ReportPage& page, const Json& rows, Json result);

}  // namespace metatape::cli
