#include "metatape/metalearn/unroll/objective.hpp"

#include <fmt/format.h>

#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn {

namespace {

double functions_of(Var losses) { return static_cast<double>(losses.shape()[1]); }
std::int64_t steps_of(Var losses) { return losses.shape()[0] - 1; }

}  // namespace

UnrollObjective sum_of_losses(SumOptions options) {
  return [options = std::move(options)](Var losses, std::int64_t first) {
    const std::int64_t steps = steps_of(losses);
    Var counted = rows(losses, options.count_start ? 0 : 1, steps + 1);
    if (!options.weights.empty()) {
      const auto last = static_cast<std::size_t>(first + steps);
      if (last > options.weights.size())
        throw DataError(fmt::format("unroll: {} weights for a run that reaches step {}",
                                    options.weights.size(), last));
      std::vector<double> w(options.weights.begin() + first,
                            options.weights.begin() + first + steps);
      if (options.count_start) w.insert(w.begin(), 1);
      const auto count = static_cast<std::int64_t>(w.size());
      counted = counted * Tensor({count, 1}, std::span<const double>(w)).to(losses.dtype());
    }
    return sum(counted) * (1 / functions_of(losses));
  };
}

UnrollObjective final_loss() {
  return [](Var losses, std::int64_t) { return mean(row(losses, steps_of(losses))); };
}

UnrollObjective log_ratio() {
  return [](Var losses, std::int64_t) {
    const std::int64_t steps = steps_of(losses);
    return mean(log(row(losses, steps)) - log(row(losses, 0))) * (1 / static_cast<double>(steps));
  };
}

UnrollObjective mean_log_ratio() {
  return [](Var losses, std::int64_t) {
    return mean(log(rows(losses, 1, steps_of(losses) + 1)) - log(row(losses, 0)));
  };
}

}  // namespace metatape::metalearn
