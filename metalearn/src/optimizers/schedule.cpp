#include "metatape/metalearn/optimizers/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

namespace {

void require_steps(const char* name, std::int64_t steps) {
  if (steps < 1)
    throw DataError(std::string("schedule ") + name + ": " + std::to_string(steps) +
                    " steps: at least 1 is needed");
}

double share(std::int64_t step, std::int64_t steps) {
  return std::min(1.0, static_cast<double>(step) / static_cast<double>(steps));
}

}  // namespace

Schedule cosine(std::int64_t steps, double end) {
  require_steps("cosine", steps);
  return Schedule([=](std::int64_t step) {
    return end + (1 - end) * 0.5 * (1 + std::cos(std::numbers::pi * share(step, steps)));
  });
}

Schedule linear(std::int64_t steps, double end) {
  require_steps("linear", steps);
  return Schedule([=](std::int64_t step) { return 1 + (end - 1) * share(step, steps); });
}

Schedule step_decay(std::int64_t every, double factor) {
  require_steps("step_decay", every);
  return Schedule([=](std::int64_t step) { return std::pow(factor, step / every); });
}

Schedule warm_up(std::int64_t steps, Schedule then) {
  require_steps("warm_up", steps);
  return Schedule([=](std::int64_t step) {
    return step < steps ? static_cast<double>(step + 1) / static_cast<double>(steps)
                        : then(step - steps);
  });
}

}  // namespace metatape::metalearn
