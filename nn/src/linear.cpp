#include "metatape/nn/linear.hpp"

#include <cmath>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/nn/init.hpp"
#include "metatape/nn/layers.hpp"

namespace metatape::nn {

Params Linear::init(Key key, DType dtype) const {
  if (in < 1 || out < 1)
    throw DataError("linear: in " + std::to_string(in) + ", out " + std::to_string(out) +
                    ": each at least 1");
  const Shape shape{out, in};
  if (!bias) return Params({{"weight", fan_in_uniform(shape, key.split("weight"), dtype)}});
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  return Params({{"weight", fan_in_uniform(shape, key.split("weight"), dtype)},
                 {"bias", uniform({out}, key.split("bias"), -bound, bound, dtype)}});
}

Var Linear::operator()(const Bound& p, Var x, const Mode&) const {
  return linear(x, p["weight"], bias ? p["bias"] : Var{}, activation);
}

namespace {

Linear layer(const Mlp& m, std::size_t i) {
  const bool last = i + 2 == m.sizes.size();
  return {.in = m.sizes[i],
          .out = m.sizes[i + 1],
          .activation = last ? Activation::none : m.activation};
}

void require_sizes(const Mlp& m) {
  if (m.sizes.size() < 2)
    throw DataError("mlp: " + std::to_string(m.sizes.size()) +
                    " sizes: an input and an output are needed");
}

}  // namespace

Params Mlp::init(Key key, DType dtype) const {
  require_sizes(*this);
  std::vector<Params> parts;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    parts.push_back(layer(*this, i).init(key.split(i), dtype).prefixed(std::to_string(i)));
  return Params::join(parts);
}

Var Mlp::operator()(const Bound& p, Var x, const Mode& mode) const {
  require_sizes(*this);
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    const std::string name = std::to_string(i);
    x = layer(*this, i)(p.inside(name), x, mode);
    if (dropout != 0 && i + 2 < sizes.size()) x = Dropout{dropout}({}, x, mode.inside(name));
  }
  return x;
}

}  // namespace metatape::nn
