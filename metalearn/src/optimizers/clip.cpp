#include "metatape/metalearn/optimizers/clip.hpp"

#include <algorithm>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

void require_positive(const char* op, double most) {
  if (!(most > 0))
    throw DataError(std::string(op) + ": limit " + std::to_string(most) +
                    ": more than 0 is needed");
}

}  // namespace

double clip_by_norm(Params& gradient, double most) {
  require_positive("clip_by_norm", most);
  const double norm = gradient.norm();
  if (norm > most) gradient.scale(most / norm);
  return norm;
}

Bound clip_by_norm(const Bound& gradient, double most) {
  require_positive("clip_by_norm", most);
  const Var flat = gradient.flat(), norm = metatape::norm(flat);
  const Var limit = flat.tape().constant(most, flat.dtype());
  return {gradient.layout(), flat * (limit / maximum(norm, limit))};
}

void clip_by_value(Params& gradient, double most) {
  require_positive("clip_by_value", most);
  visit(gradient.dtype(), [&]<class T>(T) {
    for (T& g : gradient.flat().template mutable_values<T>())
      g = std::clamp(g, static_cast<T>(-most), static_cast<T>(most));
  });
}

Bound clip_by_value(const Bound& gradient, double most) {
  require_positive("clip_by_value", most);
  return {gradient.layout(), clamp(gradient.flat(), -most, most)};
}

}  // namespace metatape::metalearn
