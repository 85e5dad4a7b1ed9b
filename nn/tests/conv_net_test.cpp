// conv_net_test.cpp: the encoders' shapes, names and counts, and that they are the sequence of ops
// that their description says.
#include "metatape/nn/conv_net.hpp"

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/layers.hpp"
#include "metatape/nn/linear.hpp"
#include "support/modules.hpp"

using namespace metatape;

static_assert(nn::Module<nn::ConvNet>);

namespace {

Tensor images(std::int64_t n, const nn::ConvNet& net, DType dtype = DType::f64) {
  return uniform({n, net.size, net.size, net.channels}, Key{9}, 0, 1, dtype);
}

std::vector<std::string> names(const Params& p) {
  std::vector<std::string> all;
  for (const ParamEntry& e : p.entries()) all.push_back(e.name + " " + to_string(e.shape));
  return all;
}

}  // namespace

TEST_CASE("conv_net: parameter counts of the papers, less the convolutions' biases") {
  // Snell et al.'s encoder has 111,936: 9 * 64 + 3 * 9 * 64 * 64 weights, 4 * 64 biases of the
  // convolutions, 4 * 128 of the normalisations. A bias in front of a normalisation is subtracted
  // again with the mean, so ours has none.
  CHECK(nn::conv4().init(Key{1}).size() == 111'936 - 4 * 64);
  CHECK(nn::conv4().init(Key{1}).size() == 111'680);
  // Finn et al.'s for Omniglot, 5 classes, counted the same way with its head.
  CHECK(nn::conv4_stride({.classes = 5}).init(Key{1}).size() == 111'680 + 64 * 5 + 5);
  CHECK(nn::conv5_map().init(Key{1}).size() == 111'680 + 9 * 64 * 64 + 128);
  // Colour images of 84 x 84 with 32 filters, the MiniImageNet net.
  CHECK(nn::conv4({.size = 84, .channels = 3, .filters = 32}).init(Key{1}).size() ==
        9 * 32 * (3 + 3 * 32) + 4 * 64);
}

TEST_CASE("conv_net: maps and widths") {
  CHECK(nn::conv4().map() == 1);  // 28 -> 14 -> 7 -> 3 -> 1
  CHECK(nn::conv4().features() == 64);
  CHECK(nn::conv4({.size = 84}).map() == 5);  // 84 -> 42 -> 21 -> 10 -> 5
  CHECK(nn::conv4({.size = 84}).features() == 1600);
  CHECK(nn::conv4_stride().map() == 2);  // 28 -> 14 -> 7 -> 4 -> 2
  CHECK(nn::conv4_stride().features() == 64);
  CHECK(nn::conv5_map().map() == 7);
  CHECK(nn::conv5_map().features() == 3136);
  for (const nn::ConvNet& net :
       {nn::conv4({.filters = 2}), nn::conv4_stride({.filters = 2}), nn::conv5_map({.filters = 2}),
        nn::conv4({.size = 33, .channels = 3, .filters = 2}),
        nn::conv4_stride({.size = 9, .filters = 3, .classes = 4}),
        nn::ConvNet{.size = 11, .filters = 2, .blocks = 2, .pools = 1, .stride = 3}}) {
    Tape tape(Recording::off);
    const Var y = net(bind(tape, net.init(Key{1})), tape.constant(images(3, net, DType::f32)));
    CHECK(y.shape() == Shape{3, net.classes > 0 ? net.classes : net.features()});
  }
}

TEST_CASE("conv_net: names and shapes are PyTorch's") {
  CHECK(names(nn::ConvNet{.channels = 3, .filters = 2, .blocks = 2, .pools = 2, .classes = 5}.init(
            Key{1})) == std::vector<std::string>{"block0.conv.weight [2, 3, 3, 3]",
                                                 "block0.norm.weight [2]", "block0.norm.bias [2]",
                                                 "block1.conv.weight [2, 2, 3, 3]",
                                                 "block1.norm.weight [2]", "block1.norm.bias [2]",
                                                 "head.weight [5, 98]", "head.bias [5]"});
}

TEST_CASE("conv_net: first weights are he_normal's, by key and block") {
  const nn::ConvNet net = nn::conv4({.filters = 8});
  const Params p = net.init(Key{1});
  CHECK(identical(p, net.init(Key{1})));
  CHECK_FALSE(identical(p, net.init(Key{2})));
  CHECK_FALSE(identical(p["block1.conv.weight"], p["block2.conv.weight"]));
  // A head changes nothing below it.
  CHECK(identical(p["block3.conv.weight"],
                  nn::conv4({.filters = 8, .classes = 5}).init(Key{1})["block3.conv.weight"]));
  double squares = 0;
  for (const double v : nn::conv4().init(Key{1})["block1.conv.weight"].to_vector())
    squares += v * v;
  CHECK(squares / (64 * 64 * 9) == Approx(2.0 / (9 * 64)).epsilon(0.04));
}

TEST_CASE("conv_net: flop by hand") {
  // Two a multiply-add; forward, weights' gradient and, but for the image, the input's gradient.
  const double conv4 = 2 * 2.0 * 9 * 784 * 1 * 64 + 3 * 2.0 * 9 * (196 + 49 + 9) * 64 * 64;
  CHECK(nn::conv4().flop() == conv4);
  CHECK(nn::conv4({.classes = 5}).flop() == conv4 + 3 * 2 * 64 * 5);
  CHECK(nn::conv4_stride().flop() ==
        2 * 2.0 * 9 * 196 * 64 + 3 * 2.0 * 9 * (49 + 16 + 4) * 64 * 64);
  CHECK(nn::conv5_map().flop() == 2 * 2.0 * 9 * 784 * 64 + 3 * 2.0 * 9 * (196 + 3 * 49) * 64 * 64);
}

TEST_CASE("conv_net: it is convolution, normalisation, ReLU, pool, and C, H, W at the end") {
  for (const bool pool_first : {false, true}) {
    const nn::ConvNet net{.size = 10,
                          .channels = 2,
                          .filters = 3,
                          .blocks = 3,
                          .pools = 2,
                          .pool_first = pool_first,
                          .classes = 4};
    Tape tape;
    const Bound p = bind(tape, net.init(Key{1}, DType::f64));
    const Var x = tape.constant(images(5, net));
    Var y = x;
    for (int i = 0; i < 3; ++i) {
      const Bound b = p.inside("block" + std::to_string(i));
      y = conv2d(y, b["conv.weight"], {.padding = {1, 1}});
      if (pool_first && i < 2) y = max_pool2d(y);
      y = relu(batch_norm(y, b["norm.weight"], b["norm.bias"]));
      if (!pool_first && i < 2) y = max_pool2d(y);
    }
    CHECK(y.shape() == Shape{5, 2, 2, 3});
    y = reshape(permute(y, {0, 3, 1, 2}), {5, 12});
    y = linear(y, p["head.weight"], p["head.bias"]);
    check_values(net(p, x).value(), y.value());
  }
}

TEST_CASE("conv_net: the mean head averages the last map") {
  nn::ConvNet net = nn::conv4_stride({.size = 10, .filters = 3});
  Tape tape;
  const Bound p = bind(tape, net.init(Key{1}, DType::f64));
  const Var x = tape.constant(images(5, net));
  const Var by_mean = net(p, x);
  net.head = nn::ConvHead::flatten;
  CHECK(net.map() == 1);
  check_values(by_mean.value(), net(p, x).value());
  net = nn::conv4_stride({.size = 20, .filters = 3});
  const Var wide = tape.constant(images(5, net));
  const Var means = net(p, wide);
  net.head = nn::ConvHead::flatten;
  CHECK(net.features() == 12);
  check_values(means.value(), mean(reshape(net(p, wide), {5, 3, 4}), 2).value());
}

TEST_CASE("conv_net: pools first or last are one function where the statistics are given") {
  nn::ConvNet net{.size = 12, .filters = 4, .blocks = 2, .pools = 2};
  Tape tape;
  const Bound p = bind(tape, net.init(Key{1}, DType::f64));  // every gamma is 1, so positive
  const Var x = tape.constant(images(5, net));
  const nn::Statistics statistics = nn::apply(net, p, x).statistics;
  nn::Mode mode;
  mode.statistics = &statistics;
  const Tensor last = net(p, x, mode).value();
  net.pool_first = true;
  check_values(net(p, x, mode).value(), last);
}

TEST_CASE("conv_net: descriptions and images that do not fit") {
  CHECK_THROWS_WITH(nn::conv4({.size = 14}).init(Key{1}),
                    "conv_net: block 3 pools a map of 1 x 1 from images of 14 x 14: fewer pools or "
                    "larger images are needed");
  CHECK_THROWS_WITH(nn::conv4({.size = 14}).map(),
                    "conv_net: block 3 pools a map of 1 x 1 from images of 14 x 14: fewer pools or "
                    "larger images are needed");
  CHECK_THROWS_WITH(nn::ConvNet({.blocks = 3}).init(Key{1}),
                    "conv_net: 3 blocks, 4 pools, stride 1, 64 filters, images of 28 x 28 x 1: "
                    "each at least 1, and no more pools than blocks");
  for (const nn::ConvNet& net :
       {nn::ConvNet{.size = 0}, nn::ConvNet{.channels = 0}, nn::ConvNet{.filters = 0},
        nn::ConvNet{.blocks = 0, .pools = 0}, nn::ConvNet{.pools = -1}, nn::ConvNet{.stride = 0},
        nn::ConvNet{.classes = -1}})
    CHECK_THROWS_AS(net.init(Key{1}), DataError);
  const nn::ConvNet net = nn::conv4({.filters = 2});
  Tape tape;
  const Bound p = bind(tape, net.init(Key{1}));
  CHECK_THROWS_WITH(net(p, tape.constant(Tensor::zeros({5, 28, 27, 1}))),
                    "conv_net: images [5, 28, 27, 1]: [5, 28, 28, 1] is expected");
  CHECK_THROWS_WITH(net(p, tape.constant(Tensor::zeros({5, 784}))),
                    "conv_net: images [5, 784]: [5, 28, 28, 1] is expected");
  CHECK_THROWS_AS(net(p, tape.constant(Tensor::scalar(1))), ShapeError);
  CHECK_THROWS_AS(net(p, tape.constant(Tensor::zeros({5, 28, 28, 3}))), ShapeError);
}

TEST_CASE("conv_net: derivatives and adapted weights") {
  const nn::ConvNet pooled{.size = 4, .filters = 2, .blocks = 2, .pools = 1, .classes = 2};
  check_derivatives(pooled, {3, 4, 4, 1});
  check_adapted(pooled, {3, 4, 4, 1});
  const nn::ConvNet strided{
      .size = 4, .filters = 2, .blocks = 2, .pools = 0, .stride = 2, .head = nn::ConvHead::mean};
  check_derivatives(strided, {4, 4, 4, 1});
  check_adapted(strided, {4, 4, 4, 1});
}
