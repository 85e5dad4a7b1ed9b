#include "metatape/nn/conv_net.hpp"

#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/layers.hpp"
#include "metatape/nn/linear.hpp"

namespace metatape::nn {

namespace {

struct Block {
  std::string name;
  Conv2d conv;
  BatchNorm norm;
  bool pools = false;
  std::int64_t computed = 0;  // pixels a side that the convolution makes
  std::int64_t left = 0;      // and that the block hands on
};

std::vector<Block> blocks_of(const ConvNet& net) {
  if (net.blocks < 1 || net.pools < 0 || net.pools > net.blocks || net.stride < 1 ||
      net.filters < 1 || net.channels < 1 || net.size < 1 || net.classes < 0)
    throw DataError(
        "conv_net: " + std::to_string(net.blocks) + " blocks, " + std::to_string(net.pools) +
        " pools, stride " + std::to_string(net.stride) + ", " + std::to_string(net.filters) +
        " filters, images of " + std::to_string(net.size) + " x " + std::to_string(net.size) +
        " x " + std::to_string(net.channels) + ": each at least 1, and no more pools than blocks");
  std::vector<Block> blocks;
  std::int64_t in = net.channels, side = net.size;
  for (int i = 0; i < net.blocks; ++i) {
    Block b{
        .name = "block" + std::to_string(i),
        .conv = {.in = in,
                 .out = net.filters,
                 .options = {.stride = {net.stride, net.stride}, .padding = {1, 1}},
                 .bias = false},
        .norm = {.channels = net.filters, .relu = true, .pool = i < net.pools && !net.pool_first},
        .pools = i < net.pools,
        .computed = (side - 1) / net.stride + 1};
    b.left = b.pools ? b.computed / 2 : b.computed;
    if (b.left < 1)
      throw DataError("conv_net: block " + std::to_string(i) +
                      " pools a map of 1 x 1 from images of " + std::to_string(net.size) + " x " +
                      std::to_string(net.size) + ": fewer pools or larger images are needed");
    side = b.left;
    in = net.filters;
    blocks.push_back(b);
  }
  return blocks;
}

Linear head_of(const ConvNet& net) { return {.in = net.features(), .out = net.classes}; }

}  // namespace

std::int64_t ConvNet::map() const { return blocks_of(*this).back().left; }

std::int64_t ConvNet::features() const {
  return filters * (head == ConvHead::mean ? 1 : map() * map());
}

double ConvNet::flop() const {
  double flop = 0;
  for (const Block& b : blocks_of(*this)) {
    const double one = 2.0 * 9 * static_cast<double>(b.computed * b.computed * b.conv.in * filters);
    flop += one * (b.name == "block0" ? 2 : 3);
  }
  return flop + 6.0 * static_cast<double>(features() * classes);
}

Params ConvNet::init(Key key, DType dtype) const {
  std::vector<Params> parts;
  for (const Block& b : blocks_of(*this)) {
    const Key own = key.split(b.name);
    parts.push_back(b.conv.init(own.split("conv"), dtype).prefixed(b.name + ".conv"));
    parts.push_back(b.norm.init(own.split("norm"), dtype).prefixed(b.name + ".norm"));
  }
  if (classes > 0) parts.push_back(head_of(*this).init(key.split("head"), dtype).prefixed("head"));
  return Params::join(parts);
}

Var ConvNet::operator()(const Bound& p, Var x, const Mode& mode) const {
  if (x.shape().rank() != 4 || x.shape()[1] != size || x.shape()[2] != size ||
      x.shape()[3] != channels)
    throw ShapeError(
        "conv_net: images " + to_string(x.shape()) + ": " +
        to_string(Shape{x.shape().rank() > 0 ? x.shape()[0] : 0, size, size, channels}) +
        " is expected");
  for (const Block& b : blocks_of(*this)) {
    x = b.conv(p.inside(b.name + ".conv"), x, mode);
    if (b.pools && pool_first) x = max_pool2d(x);
    x = b.norm(p.inside(b.name + ".norm"), x, mode.inside(b.name).inside("norm"));
  }
  if (head == ConvHead::mean)
    x = global_average_pool2d(x);
  else if (x.shape()[1] * x.shape()[2] == 1)
    x = flatten(x, 1);
  else
    x = flatten(permute(x, {0, 3, 1, 2}), 1);
  return classes > 0 ? head_of(*this)(p.inside("head"), x, mode) : x;
}

ConvNet conv4(ConvNet changes) { return changes; }

ConvNet conv4_stride(ConvNet changes) {
  changes.pools = 0;
  changes.stride = 2;
  changes.head = ConvHead::mean;
  return changes;
}

ConvNet conv5_map(ConvNet changes) {
  changes.blocks = 5;
  changes.pools = 2;
  changes.pool_first = true;
  return changes;
}

}  // namespace metatape::nn
