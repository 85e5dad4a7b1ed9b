#include "likeness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../estimators/walk.hpp"
#include "metatape/metalearn/laboratory/comparison.hpp"

namespace metatape::metalearn {

namespace detail {

bool all_finite(const Params& p) { return finite(p.flat()); }

double take_scale(Params& p) {
  double largest = 0;
  for (const double x : p.flat().to_vector()) largest = std::max(largest, std::abs(x));
  if (largest > 0) {
    p = p.to(DType::f64);
    for (double& x : p.flat().mutable_values<double>()) x /= largest;
  }
  return largest;
}

double norm(const Params& p) {
  Params x = p;
  const double scale = take_scale(x);
  return scale * x.norm();
}

double relative_bias(const Params& a, const Params& reference) {
  Params x = a, r = reference;
  const double of_x = take_scale(x), of_r = take_scale(r);
  if (of_r == 0) return std::numeric_limits<double>::quiet_NaN();
  if (of_x == 0) return -1;
  return of_x / of_r * (x.dot(r) / r.dot(r)) - 1;
}

}  // namespace detail

double cosine(const Params& a, const Params& b) {
  Params x = a, y = b;
  if (detail::take_scale(x) == 0 || detail::take_scale(y) == 0) return 0;
  return x.dot(y) / (x.norm() * y.norm());
}

}  // namespace metatape::metalearn
