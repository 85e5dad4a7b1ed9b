// comparison.hpp: estimators of one gradient, held against a reference.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

struct ComparisonOptions {
  std::int64_t samples = 100;  ///< estimates of each; one of those that draw nothing
  /// false: all samples are of one run, of key `key`, whose exact gradient is the reference. true:
  /// a new run each, of key.split("run", i), the reference being the mean of their exact gradients,
  /// and pairs are compared run by run.
  bool fresh_runs = false;
  AnyEstimator reference{};  ///< exact reverse mode
  Key key{};                 ///< sample i of each estimator draws by key.split("sample", i)
  /// Asked after each round of samples, one of every estimator; what is done so far is reported.
  std::function<bool()> stop{};
};

struct EstimatorReport {
  std::string name{};
  Params mean{};              ///< of all samples
  std::int64_t samples = 0;   ///< finite ones
  std::int64_t diverged = 0;  ///< and those that were not: left out of everything here
  double cosine = 0;          ///< of the mean with the reference
  /// <mean - reference, reference> / ‖reference‖²: 0 without bias, -1 where nothing is left of it;
  /// and its 95 % interval, ± 1.96 standard errors over samples (0 for one sample). With fresh runs
  /// the error of a sample is taken against its own run's gradient. NaN for a reference of 0 and
  /// for no samples.
  double relative_bias = 0, relative_bias_ci95 = 0;
  double variance = 0;  ///< E ‖g - E g‖², of one sample; of fresh runs, that of the runs is in it
  /// Eigenvalues of the covariance, descending, which sum to the variance; of φ of at most 16
  /// numbers, else empty.
  std::vector<double> variance_spectrum{};
  /// E ‖g - reference‖², of one sample; with fresh runs, against its own run's gradient.
  double mean_squared_error = 0;
  double seconds_per_estimate = 0;  ///< median
  std::size_t peak_bytes = 0;       ///< tapes and kept states, of the largest sample
};

struct Comparison {
  double loss = 0;     ///< L of the run (mean over runs)
  Params reference{};  ///< dL/dφ
  std::vector<EstimatorReport> estimators{};
};

/// One estimate after the other, so that time and memory are each one's own; `threads` work inside
/// them. Estimators that draw nothing are known by their names (by_name.hpp); of one run they are
/// asked once.
/// DataError for samples below 1, an empty φ, and a reference that diverges (its step is named).
Comparison compare_estimators(const System& system, const Params& phi,
                              const std::vector<AnyEstimator>& estimators,
                              const ComparisonOptions& options = {}, Threads* threads = nullptr);

/// <a, b> / (‖a‖ ‖b‖); 0 where one of them is 0.
double cosine(const Params& a, const Params& b);

}  // namespace metatape::metalearn
