#include "metatape/tasks/optimizees/random_scaling.hpp"

#include <fmt/format.h>

#include <cmath>

#include "draws.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"

namespace metatape::tasks {

OptimizeeInstance RandomScaling::sample(Key key, DType dtype) const {
  if (!(range >= 0 && range <= 20))
    throw DataError(fmt::format("random scaling: range {}: 0 to 20 expected", range));
  OptimizeeInstance instance = optimizee.sample(key, dtype);
  // A stream that no optimizee draws from: range 0 leaves the instance as it was.
  const Tensor c = mapped(uniform({instance.initial.size()}, key.split("random scaling"), -range,
                                  range, DType::f64),
                          [](double u) { return std::exp(u); })
                       .to(dtype);
  visit(dtype, [&]<class T>(T) {
    const auto factors = c.values<T>();
    const auto theta = instance.initial.flat().mutable_values<T>();
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] /= factors[i];
  });
  const auto scaled = [&c](ParameterLoss f) -> ParameterLoss {
    if (!f) return {};
    return [c, f = std::move(f)](const Bound& theta, Key step) {
      return f(Bound(theta.layout(), theta.flat() * c), step);
    };
  };
  instance.loss = scaled(std::move(instance.loss));
  instance.objective = scaled(std::move(instance.objective));
  return instance;
}

}  // namespace metatape::tasks
