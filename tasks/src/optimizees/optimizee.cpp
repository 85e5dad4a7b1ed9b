#include "metatape/tasks/optimizees/optimizee.hpp"

namespace metatape::tasks {

namespace {

struct Fixed {
  Params initial;
  ParameterLoss loss;
  std::string called;

  [[nodiscard]] std::string name() const { return called; }
  [[nodiscard]] OptimizeeInstance sample(Key, DType dtype) const {
    return {.initial = initial.to(dtype), .loss = loss};
  }
};

}  // namespace

AnyOptimizee optimizee(Params initial, ParameterLoss loss, std::string name) {
  return Fixed{std::move(initial), std::move(loss), std::move(name)};
}

}  // namespace metatape::tasks
