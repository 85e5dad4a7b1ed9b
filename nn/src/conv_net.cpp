#include "metatape/nn/conv_net.hpp"

#include <utility>

#include "layers.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/conv2d.hpp"
#include "metatape/nn/linear.hpp"
#include "metatape/nn/normalization.hpp"

namespace metatape::nn {

namespace {

struct Block {
  std::string name;
  Conv2d conv;
  BatchNorm norm;
  Down down;
};

std::vector<Block> blocks_of(const ConvNet& net) {
  if (net.blocks.empty()) throw DataError("conv_net: no blocks: one or more is needed");
  const Initialiser bias_init = net.conv_init ? zeros() : Initialiser{};
  std::vector<Block> blocks;
  std::int64_t in = net.channels;
  for (const ConvBlock& b : net.blocks) {
    const int stride = b.down == Down::stride ? 2 : 1;
    blocks.push_back({"block" + std::to_string(blocks.size() + 1),
                      Conv2d{.in = in,
                             .out = b.filters,
                             .options = {.stride = {stride, stride}, .padding = {1, 1}},
                             .bias = net.conv_bias,
                             .weight_init = net.conv_init,
                             .bias_init = bias_init},
                      BatchNorm{.channels = b.filters, .epsilon = net.epsilon, .scale = net.scale},
                      b.down});
    in = b.filters;
  }
  return blocks;
}

Linear head_of(const ConvNet& net) {
  return {.in = net.features(),
          .out = net.classes,
          .weight_init = net.head_init,
          .bias_init = net.head_init ? zeros() : Initialiser{}};
}

}  // namespace

std::array<std::int64_t, 2> ConvNet::map() const {
  std::array<std::int64_t, 2> side = image;
  for (const ConvBlock& b : blocks)
    for (std::int64_t& s : side) {
      if (b.down == Down::pool) s /= 2;
      if (b.down == Down::stride) s = (s + 1) / 2;
      if (s < 1)
        throw DataError("conv_net: images of " + std::to_string(image[0]) + " x " +
                        std::to_string(image[1]) + " vanish in " + std::to_string(blocks.size()) +
                        " blocks");
    }
  return side;
}

std::int64_t ConvNet::features() const {
  if (blocks.empty()) throw DataError("conv_net: no blocks: one or more is needed");
  const auto [height, width] = map();
  return blocks.back().filters * (average ? 1 : height * width);
}

Params ConvNet::init(Key key, DType dtype) const {
  require_positive(features(), "conv_net", "features");
  std::vector<Params> all;
  for (const Block& b : blocks_of(*this)) {
    const auto add = [&](const auto& part, const char* name) {
      const std::string full = b.name + "." + name;
      all.push_back(part.init(key.split(full), dtype).prefixed(full));
    };
    add(b.conv, "conv");
    add(b.norm, "norm");
  }
  if (classes > 0) all.push_back(head_of(*this).init(key.split("head"), dtype).prefixed("head"));
  return Params::join(all);
}

Params ConvNet::init_statistics(DType dtype) const {
  std::vector<Params> all;
  for (const Block& b : blocks_of(*this))
    all.push_back(b.norm.init_statistics(dtype).prefixed(b.name + ".norm"));
  return Params::join(all);
}

Var ConvNet::run(const Bound& p, Var x, const Mode& mode, Statistics* used) const {
  if (x.shape().rank() != 4 || x.shape()[1] != image[0] || x.shape()[2] != image[1] ||
      x.shape()[3] != channels)
    throw ShapeError("conv_net: images " + to_string(x.shape()) + ": [n, " +
                     std::to_string(image[0]) + ", " + std::to_string(image[1]) + ", " +
                     std::to_string(channels) + "] is expected");
  for (const Block& b : blocks_of(*this)) {
    const std::string norm = b.name + ".norm";
    const bool pools = b.down == Down::pool;
    x = b.conv(p.inside(b.name + ".conv"), x);
    if (pools && pool_at == PoolAt::before_norm) x = max_pool2d(x);
    Statistics of_block;
    x = b.norm.run(p.inside(norm), x, mode.inside(norm), used ? &of_block : nullptr);
    if (used) used->add(norm, of_block);
    if (pools && pool_at == PoolAt::after_norm) x = max_pool2d(x);
    x = relu(x);
  }
  if (average)
    x = global_average_pool2d(x);
  else if (x.shape()[1] * x.shape()[2] == 1)
    x = flatten(x, 1);
  else
    x = flatten(permute(x, {0, 3, 1, 2}), 1);
  return classes > 0 ? head_of(*this)(p.inside("head"), x) : x;
}

Applied ConvNet::apply(const Bound& p, Var x, const Mode& mode) const {
  Applied result;
  result.output = run(p, x, mode, &result.statistics);
  return result;
}

namespace {

ConvNet of_blocks(const ConvNetOptions& options, std::initializer_list<Down> downs) {
  ConvNet net{.channels = options.channels, .image = options.image, .classes = options.classes};
  for (const Down down : downs) net.blocks.push_back({options.filters, down});
  return net;
}

}  // namespace

ConvNet conv4(const ConvNetOptions& options) {
  return of_blocks(options, {Down::pool, Down::pool, Down::pool, Down::pool});
}

ConvNet conv4_stride(const ConvNetOptions& options) {
  ConvNet net = of_blocks(options, {Down::stride, Down::stride, Down::stride, Down::stride});
  net.average = true;
  net.conv_init = glorot_uniform();
  net.head_init = glorot_uniform();
  return net;
}

ConvNet conv5_map(const ConvNetOptions& options) {
  ConvNet net = of_blocks(options, {Down::pool, Down::pool, Down::none, Down::none, Down::none});
  net.pool_at = PoolAt::before_norm;
  net.conv_bias = false;
  net.conv_init = he_normal();
  return net;
}

}  // namespace metatape::nn
