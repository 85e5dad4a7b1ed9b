#include "metatape/nn/layers.hpp"

#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/init.hpp"

namespace metatape::nn {

Params Conv2d::init(Key key, DType dtype) const {
  if (in < 1 || out < 1 || kernel[0] < 1 || kernel[1] < 1 || options.groups < 1 ||
      in % options.groups != 0 || out % options.groups != 0)
    throw DataError("conv2d: in " + std::to_string(in) + ", out " + std::to_string(out) +
                    ", kernel " + std::to_string(kernel[0]) + " x " + std::to_string(kernel[1]) +
                    ", groups " + std::to_string(options.groups) +
                    ": each at least 1, and groups that divide in and out");
  const Shape shape{out, in / options.groups, kernel[0], kernel[1]};
  if (!bias) return Params({{"weight", he_normal(shape, key.split("weight"), dtype)}});
  return Params({{"weight", he_normal(shape, key.split("weight"), dtype)},
                 {"bias", Tensor::zeros({out}, dtype)}});
}

Var Conv2d::operator()(const Bound& p, Var x, const Mode&) const {
  return conv2d(x, p["weight"], bias ? p["bias"] : Var{}, options);
}

Params BatchNorm::init(Key, DType dtype) const {
  return Params(
      {{"weight", Tensor::full({channels}, 1, dtype)}, {"bias", Tensor::zeros({channels}, dtype)}});
}

Var BatchNorm::operator()(const Bound& p, Var x, const Mode& mode) const {
  if (pool && !relu) throw DataError("batch_norm: a pool without relu");
  if (mode.made) mode.made->entries.emplace_back(mode.name, batch_statistics(x));
  const Var gamma = p["weight"], beta = p["bias"];
  if (!mode.statistics)
    return pool   ? batch_norm_relu_pool(x, gamma, beta, epsilon)
           : relu ? batch_norm_relu(x, gamma, beta, epsilon)
                  : batch_norm(x, gamma, beta, epsilon);
  const BatchStatistics* given = mode.statistics->find(mode.name);
  if (!given)
    throw DataError("batch_norm: there are no statistics of '" + mode.name + "' among those given");
  const Var y = batch_norm(x, gamma, beta, *given, epsilon);
  const Var above = relu ? metatape::relu(y) : y;
  return pool ? max_pool2d(above) : above;
}

Params LayerNorm::init(Key, DType dtype) const {
  return Params(
      {{"weight", Tensor::full({width}, 1, dtype)}, {"bias", Tensor::zeros({width}, dtype)}});
}

Var LayerNorm::operator()(const Bound& p, Var x, const Mode&) const {
  return layer_norm(x, p["weight"], p["bias"], epsilon);
}

Var Dropout::operator()(const Bound&, Var x, const Mode& mode) const {
  if (!(rate >= 0 && rate < 1))
    throw DataError("dropout: rate " + std::to_string(rate) + ": 0 or more and below 1 is needed");
  if (!mode.training || rate == 0) return x;
  Random random(mode.key.split("dropout"));
  Tensor mask = Tensor::uninitialised(x.shape(), x.dtype());
  visit(x.dtype(), [&]<class T>(T) {
    const auto kept = static_cast<T>(1 / (1 - rate));
    for (T& m : mask.template mutable_values<T>()) m = random.chance(rate) ? T{0} : kept;
  });
  return x * mask;
}

Params Embedding::init(Key key, DType dtype) const {
  return Params({{"weight", normal({words, width}, key.split("weight"), dtype)}});
}

Var Embedding::operator()(const Bound& p, const Indices& words_at) const {
  return embedding(p["weight"], words_at);
}

}  // namespace metatape::nn
