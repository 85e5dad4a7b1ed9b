// schedule.hpp: a factor on the learning rate, by step.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace metatape::metalearn {

/// step, from 0 -> factor; by default always 1. Beyond its planned steps a schedule stays at its
/// end.
class Schedule {
 public:
  Schedule() = default;
  explicit Schedule(std::function<double(std::int64_t)> factor) : factor_(std::move(factor)) {}
  double operator()(std::int64_t step) const { return factor_ ? factor_(step) : 1; }

 private:
  std::function<double(std::int64_t)> factor_;
};

/// Half a cosine from 1 to `end` over so many steps. Loshchilov and Hutter (2017).
Schedule cosine(std::int64_t steps, double end = 0);
/// Straight from 1 to `end`.
Schedule linear(std::int64_t steps, double end = 0);
/// Times `factor` after each `every` steps.
Schedule step_decay(std::int64_t every, double factor = 0.5);
/// Up from 1/steps to 1 in so many steps, then `then`, counted from there.
Schedule warm_up(std::int64_t steps, Schedule then = {});
// All throw DataError for fewer than one step.

}  // namespace metatape::metalearn
