#include "metatape/tasks/optimizees/ridge.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::tasks {

namespace {

// ½ ‖a w - b‖²
Var misfit(Var w, const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(w.dtype()), y = b.to(w.dtype());
  return 0.5 * sum(square(matmul(x, unsqueeze(w, 1)) - y));
}

Var trained(const Bound& theta, const Bound& settings, Key) {
  const Var w = theta["theta"];
  return misfit(w, Tensor({3, 2}, {1., 2., 0., 1., 2., -1.}), Tensor({3, 1}, {1., 0., 2.})) +
         0.5 * settings["penalty"] * sum(square(w));
}
Var judged(const Bound& theta, const Bound&, Key) {
  return misfit(theta["theta"], Tensor({2, 2}, {1., 1., 1., -1.}), Tensor({2, 1}, {0.5, 1.5}));
}

}  // namespace

std::string Ridge::name() const { return fmt::format("ridge:penalty={}", penalty); }

OptimizeeInstance Ridge::sample(Key, DType dtype) const {
  if (!(penalty >= 0))
    throw DataError(fmt::format("ridge: a penalty of {}: 0 or more expected", penalty));
  const Params settings({{"penalty", Tensor::scalar(penalty, dtype)}});
  const auto fixed = [settings](const SettingsLoss& f) -> ParameterLoss {
    return [settings, f](const Bound& theta, Key key) {
      return f(theta, bind_constant(theta[0].tape(), settings), key);
    };
  };
  return {.initial = Params({{"theta", Tensor::zeros({2}, dtype)}}),
          .loss = fixed(trained),
          .objective = fixed(judged),
          .settings = settings,
          .loss_with = trained,
          .objective_with = judged};
}

}  // namespace metatape::tasks
