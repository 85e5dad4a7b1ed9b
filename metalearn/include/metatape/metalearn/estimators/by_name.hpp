// by_name.hpp: estimators in one line of text: "exact", "truncated:10", "pes:64:5".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// What a name does not say.
struct EstimatorDefaults {
  double sigma = 0.01;       ///< of perturbations
  std::int64_t window = 10;  ///< steps between answers of pes, nres, truncated-es
};

struct EstimatorInfo {
  std::string name;       ///< "pes:N[:K]"
  std::string what;       ///< one line
  bool unbiased;          ///< of the run's own loss, or of its smoothed one
  bool perturbs = false;  ///< φ, by σ: what it answers depends on EstimatorDefaults::sigma
};
const std::vector<EstimatorInfo>& estimators_by_name();
/// The entry that "pes:64:5" is of; DataError, naming the nearest, for none.
const EstimatorInfo& estimator_info(std::string_view name);

/// exact, exact-hvp, checkpointed[:S], first, truncated:K, truncated-first:K, artbp:C, roulette:Q,
/// single-term:Q, forward[:R], uoro,
/// es:N, es-baseline:N, es-one-sided:N, truncated-es:N[:K], pes:N[:K], nres:N[:K], cg:K, neumann:K.
/// DataError names the nearest one, or the number that cannot be.
AnyEstimator estimator_by_name(std::string_view name, const EstimatorDefaults& defaults = {});

}  // namespace metatape::metalearn
