#include "conjugate_gradient.hpp"

#include "flat.hpp"

namespace metatape::metalearn::detail {

Solved conjugate_gradient(const std::function<Tensor(const Tensor&)>& m, const Tensor& b,
                          const Tensor& start, int iterations, double tolerance) {
  Solved s{.x = start};
  Tensor residual = plus(b, -1, m(start)), direction = residual;
  double square = dot(residual, residual);
  const double enough = tolerance * tolerance * dot(b, b);
  for (; s.iterations < iterations && square > enough; ++s.iterations) {
    const Tensor along = m(direction);
    const double curvature = dot(direction, along);
    if (!(curvature > 0)) {
      s.negative_curvature = true;
      break;
    }
    add_scaled(s.x, square / curvature, direction);
    add_scaled(residual, -square / curvature, along);
    const double next = dot(residual, residual);
    direction = plus(residual, next / square, direction);
    square = next;
  }
  return s;
}

}  // namespace metatape::metalearn::detail
