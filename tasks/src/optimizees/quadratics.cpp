#include "metatape/tasks/optimizees/quadratics.hpp"

#include <fmt/format.h>

#include "draws.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::tasks {

const char* to_string(QuadraticVariant variant) {
  return variant == QuadraticVariant::uniform ? "uniform" : "normal";
}

std::string Quadratics::name() const {
  std::string text = fmt::format("quadratic:variant={},dim={}", to_string(variant), dim);
  if (functions != 1) text += fmt::format(",functions={}", functions);
  if (start) text += fmt::format(",start={}", *start);
  return text;
}

OptimizeeInstance Quadratics::sample(Key key, DType dtype) const {
  if (dim < 1 || functions < 1 || !(start.value_or(0) >= 0))
    throw DataError(fmt::format(
        "{}: dim and functions of 1 or more and a start of 0 or more are needed", name()));
  const bool even = variant == QuadraticVariant::uniform;
  // One stream a function: the first few are the same however many stand beside them.
  std::vector<Tensor> ws, ys, starts;
  const double deviation = start.value_or(even ? 0.01 : 1);
  for (int f = 0; f < functions; ++f) {
    const Key own = key.split("function", static_cast<std::uint64_t>(f));
    const auto drawn = [&](const Shape& shape, Key from) {
      return even ? uniform(shape, from, 0, 1, dtype) : normal(shape, from, dtype);
    };
    ws.push_back(drawn({1, dim, dim}, own.split("W")));
    ys.push_back(drawn({1, dim}, own.split("y")));
    starts.push_back(scaled_normal({1, dim}, own.split("theta"), deviation, dtype));
  }
  const Tensor w = joined(ws), y = joined(ys);
  return {.initial = Params({{"theta", joined(starts)}}),
          .loss =
              [w, y, n = functions](const Bound& theta, Key) {
                const Var x = theta["theta"];
                const Var product = squeeze(matmul(x.tape().constant(w), unsqueeze(x, 2)), 2);
                return side_by_side(sum(square(product - y), -1), n);
              },
          .functions = functions};
}

}  // namespace metatape::tasks
