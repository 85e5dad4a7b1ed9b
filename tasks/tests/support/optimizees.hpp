// optimizees.hpp: an instance evaluated, differentiated and checked at a point.
#pragma once

#include <span>

#include "catch.hpp"
#include "metatape/autodiff/check.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"

/// The instance's parameters with these values, in the buffer's order.
inline metatape::Params at(const metatape::tasks::OptimizeeInstance& instance,
                           const metatape::Tensor& values) {
  return {instance.initial.layout(), values.reshape({values.size()})};
}

inline metatape::Tensor losses(const metatape::tasks::OptimizeeInstance& instance,
                               const metatape::Params& theta,
                               metatape::Key step = metatape::Key(0)) {
  metatape::Tape tape(metatape::Recording::off);
  return instance.loss(metatape::bind(tape, theta), step).value();
}

inline metatape::Params gradient(const metatape::tasks::OptimizeeInstance& instance,
                                 const metatape::Params& theta,
                                 metatape::Key step = metatape::Key(0)) {
  metatape::Tape tape;
  const metatape::Bound bound = metatape::bind(tape, theta);
  return metatape::grad(metatape::sum(instance.loss(bound, step)), bound);
}

/// Holds the loss's derivatives, first and second, to central differences at `theta` (float64).
inline void check(const metatape::tasks::OptimizeeInstance& instance, const metatape::Params& theta,
                  double tolerance = 1e-6) {
  using namespace metatape;
  const auto layout = theta.layout();
  const Tensor flat = theta.flat();
  const CheckResult result = check_gradients(
      [&](std::span<const Var> x) { return instance.loss(Bound(layout, x[0]), Key(3)); },
      std::span(&flat, 1));
  CHECK(result.first_order < tolerance);
  CHECK(result.recorded < 1e-9);
  CHECK(result.second_order < 100 * tolerance);
}

inline void check(const metatape::tasks::OptimizeeInstance& instance, double tolerance = 1e-6) {
  check(instance, instance.initial, tolerance);
}
