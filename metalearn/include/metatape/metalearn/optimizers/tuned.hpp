// tuned.hpp: an optimizer whose rates are what is learned: hyper-gradients.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::metalearn {

/// One number of an optimizer made free.
struct FreeRate {
  std::string name;  ///< of the optimizer's φ: "learning_rate"
  /// Learned as its logarithm: φ has "log_learning_rate", steps of φ multiply, and it stays above
  /// 0.
  bool logarithm = false;
  bool per_tensor = false;  ///< one for each tensor of θ
  std::int64_t steps =
      0;  ///< above 0: one for each step of a run of so many; later steps take the last
};

/// "learning_rate", "log_learning_rate", "log_learning_rate/tensor", "learning_rate/step",
/// "log_learning_rate/tensor/step"; `steps` is the length of a run.
/// DataError for a name that the optimizer does not have, with the nearest one.
FreeRate free_rate(std::string_view text, const AnyOptimizer& optimizer, std::int64_t steps);

/// `base` with some of its scalar numbers free: φ has those only, at base's values; an entry is [],
/// [tensors], [steps] or [steps, tensors] and named as it was asked for, the extent's words left
/// off
/// ("log_learning_rate"). The others stay what base's φ says. Maclaurin et al. (2015); Franceschi
/// et al. (2017). `theta` is what will be minimised (its tensors are counted; may be empty unless a
/// rate is per_tensor). DataError for a free number that is no scalar, or a logarithm of one that
/// is not above 0.
AnyOptimizer tuned(AnyOptimizer base, std::vector<FreeRate> rates, const Params& theta = {});

}  // namespace metatape::metalearn
