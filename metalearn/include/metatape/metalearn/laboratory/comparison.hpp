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
  /// false: all samples are of one run, whose exact gradient is the reference. true: a new run each,
  /// the reference being the mean of their exact gradients, and pairs are compared run by run.
  bool fresh_runs = false;
  AnyEstimator reference{};  ///< exact reverse mode
  Key key{};
  std::function<bool()> stop{};  ///< asked between samples; what is done so far is reported
};

struct EstimatorReport {
  std::string name{};
  Params mean{};               ///< of all samples
  std::int64_t samples = 0;    ///< finite ones
  std::int64_t diverged = 0;   ///< and those that were not
  double cosine = 0;           ///< of the mean with the reference
  /// <mean - reference, reference> / ‖reference‖²: 0 without bias, -1 where nothing is left of it; and
  /// its 95 % interval, ± 1.96 standard errors over samples (0 for one sample).
  double relative_bias = 0, relative_bias_ci95 = 0;
  double variance = 0;         ///< E ‖g - E g‖², of one sample
  std::vector<double> variance_spectrum{};  ///< eigenvalues of the covariance, descending; of φ of at
                                            ///< most 16 numbers
  double mean_squared_error = 0;            ///< E ‖g - reference‖², of one sample
  double seconds_per_estimate = 0;          ///< median
  std::size_t peak_bytes = 0;               ///< tapes and kept states
};

struct Comparison {
  double loss = 0;     ///< L of the run (mean over runs)
  Params reference{};  ///< dL/dφ
  std::vector<EstimatorReport> estimators{};
};

/// DataError for samples below 1 and a reference that diverges (its step is named).
Comparison compare_estimators(const System& system, const Params& phi,
                              const std::vector<AnyEstimator>& estimators,
                              const ComparisonOptions& options = {}, Threads* threads = nullptr);

/// <a, b> / (‖a‖ ‖b‖); 0 where one of them is 0.
double cosine(const Params& a, const Params& b);

}  // namespace metatape::metalearn
