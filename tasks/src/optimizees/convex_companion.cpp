#include "metatape/tasks/optimizees/convex_companion.hpp"

#include <fmt/format.h>

#include <cmath>

#include "draws.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"

namespace metatape::tasks {

OptimizeeInstance ConvexCompanion::sample(Key key, DType dtype) const {
  if (dim < 1 || !(range >= 0 && range <= 20))
    throw DataError(fmt::format(
        "convex companion: dim {}, range {}: 1 or more and 0 to 20 expected", dim, range));
  OptimizeeInstance instance = optimizee.sample(key, dtype);
  const Key own = key.split("convex companion");  // a stream that no optimizee draws from
  const Shape shape{instance.functions, dim};
  const Tensor a = uniform(shape, own.split("a"), -1, 1, dtype);
  const Tensor c = mapped(uniform(shape, own.split("c"), -range, range, DType::f64), [](double u) {
                     return std::exp(u);
                   }).to(dtype);
  const auto inner = instance.initial.layout();
  instance.initial =
      Params::join({instance.initial, Params({{"companion.x", Tensor::zeros(shape, dtype)}})});
  const auto joined_to = [&](ParameterLoss f) -> ParameterLoss {
    if (!f) return {};
    return [a, c, inner, f = std::move(f)](const Bound& theta, Key step) {
      std::vector<Var> others;
      for (std::size_t i = 0; i + 1 < theta.count(); ++i) others.push_back(theta[i]);
      // f's tensors lie together at the front of a buffer
      const Bound own_theta = theta.has_flat()
                                  ? Bound(inner, view_range(theta.flat(), 0, Shape{inner->size()}))
                                  : Bound(inner, std::move(others));
      const Var loss = f(own_theta, step);
      const Var x = theta[theta.count() - 1];
      const Var companion = mean(clamp(square(x * c - a), 0, 10), -1);
      return loss + reshape(companion, loss.shape());
    };
  };
  instance.loss = joined_to(std::move(instance.loss));
  instance.objective = joined_to(std::move(instance.objective));
  return instance;
}

}  // namespace metatape::tasks
