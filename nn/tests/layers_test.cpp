// layers_test.cpp: convolution, normalisation, dropout, embedding: values by hand, derivatives,
// adapted weights.
#include "metatape/nn/layers.hpp"

#include <cmath>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "support/modules.hpp"

using namespace metatape;

static_assert(nn::Module<nn::Conv2d> && nn::Module<nn::BatchNorm> && nn::Module<nn::LayerNorm> &&
              nn::Module<nn::Dropout>);

TEST_CASE("conv2d: the kernel is not flipped, the bias is a channel's") {
  Tape tape;
  const nn::Conv2d conv{.in = 1, .out = 2, .kernel = {2, 2}};
  const Bound p =
      bind(tape, Params({{"weight", Tensor({2, 1, 2, 2}, {1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 1.0})},
                         {"bias", Tensor({2}, {0.5, -0.5})}}));
  const Var x = tape.constant(Tensor({1, 2, 2, 1}, {1.0, 10.0, 100.0, 1000.0}));
  const Tensor y = conv(p, x).value();
  CHECK(y.shape() == Shape{1, 1, 1, 2});
  check_values(y, {4321.5, 999.5});
  nn::Conv2d bare = conv;
  bare.bias = false;
  check_values(bare(p, x).value(), {4321, 1000});
}

TEST_CASE("conv2d: shapes, options and first weights") {
  const nn::Conv2d conv{.in = 4,
                        .out = 6,
                        .kernel = {3, 5},
                        .options = {.stride = {2, 1}, .padding = {1, 2}, .groups = 2}};
  const Params p = conv.init(Key{1});
  CHECK(p["weight"].shape() == Shape{6, 2, 3, 5});
  check_values(p["bias"], std::vector<double>(6, 0.0));
  Tape tape;
  CHECK(conv(bind(tape, p), tape.constant(Tensor::zeros({2, 9, 8, 4}))).shape() ==
        Shape{2, 5, 8, 6});
  CHECK(identical(p, conv.init(Key{1})));
  CHECK_FALSE(identical(p, conv.init(Key{2})));
  nn::Conv2d bare = conv;
  bare.bias = false;
  CHECK(bare.init(Key{1}).entries().size() == 1);
  CHECK(identical(bare.init(Key{1})["weight"], p["weight"]));
  // Normal of deviation sqrt(2 / fan_in), groups counted: each output sees in / groups channels.
  const Tensor w = nn::Conv2d{.in = 32, .out = 64, .options = {.groups = 2}}.init(Key{1})["weight"];
  double squares = 0;
  for (const double v : w.to_vector()) squares += v * v;
  CHECK(std::sqrt(squares / static_cast<double>(w.size())) ==
        Approx(std::sqrt(2.0 / (16 * 9))).epsilon(0.04));
}

TEST_CASE("conv2d: two groups are two convolutions side by side") {
  const nn::Conv2d both{.in = 4, .out = 6, .options = {.padding = {1, 1}, .groups = 2}};
  const nn::Conv2d half{.in = 2, .out = 3, .options = {.padding = {1, 1}}};
  const Params p({{"weight", normal({6, 2, 3, 3}, Key{1}, DType::f64)},
                  {"bias", normal({6}, Key{2}, DType::f64)}});
  Tape tape;
  const Var x = tape.constant(normal({2, 5, 4, 4}, Key{3}, DType::f64));
  std::vector<Var> halves;
  for (std::int64_t g = 0; g < 2; ++g) {
    const Params q({{"weight", p["weight"].rows(3 * g, 3 * g + 3)},
                    {"bias", p["bias"].rows(3 * g, 3 * g + 3)}});
    halves.push_back(half(bind(tape, q), slice(x, 3, 2 * g, 2 * g + 2)));
  }
  check_values(both(bind(tape, p), x).value(), concat(halves, 3).value());
}

TEST_CASE("conv2d: sizes that are none") {
  const auto make = [](const nn::Conv2d& conv) { (void)conv.init(Key{1}); };
  CHECK_THROWS_WITH(make({.in = 4, .out = 6, .options = {.groups = 0}}),
                    "conv2d: in 4, out 6, kernel 3 x 3, groups 0: each at least 1, and groups that "
                    "divide in and out");
  CHECK_THROWS_AS(make({.in = 3, .out = 4, .options = {.groups = 2}}), DataError);
  CHECK_THROWS_AS(make({.in = 4, .out = 3, .options = {.groups = 2}}), DataError);
  CHECK_THROWS_AS(make({.in = 0}), DataError);
  CHECK_THROWS_AS(make({.out = -1}), DataError);
  CHECK_THROWS_AS(make({.kernel = {0, 3}}), DataError);
}

TEST_CASE("batch_norm: by hand, over all axes but the last") {
  Tape tape;
  const nn::BatchNorm norm{.channels = 2, .epsilon = 0.5};
  const Params start = norm.init(Key{1}, DType::f64);
  check_values(start["weight"], {1, 1});
  check_values(start["bias"], {0, 0});
  const Bound p =
      bind(tape, Params({{"weight", Tensor({2}, {2.0, 1.0})}, {"bias", Tensor({2}, {0.0, 7.0})}}));
  // Channel 0: mean 3, variance 3.5, so 2 (x - 3) / 2; channel 1 is constant.
  const Tensor x({2, 1, 2, 2}, {1.0, 10.0, 2.0, 10.0, 3.0, 10.0, 6.0, 10.0});
  check_values(norm(p, tape.constant(x)).value(), {-2, 7, -1, 7, 0, 7, 3, 7});
}

TEST_CASE("batch_norm: equal inputs of one channel stay finite, slopes too") {
  Tape tape;
  const nn::BatchNorm norm{1};
  const Bound p = bind(tape, norm.init(Key{1}, DType::f64));
  const Var x = tape.variable(Tensor::full({4, 1}, 3, DType::f64));
  const Var y = norm(p, x);
  check_values(y.value(), {0, 0, 0, 0});
  for (const double g : grad(sum(square(y + 1.0)), x).to_vector()) CHECK(std::isfinite(g));
  CHECK_THROWS_AS(norm(p, tape.constant(Tensor::zeros({0, 1}, DType::f64))), ShapeError);
}

TEST_CASE("layer_norm: by hand, each row by itself") {
  Tape tape;
  const nn::LayerNorm norm{.width = 2, .epsilon = 0};
  check_values(norm.init(Key{1})["weight"], {1, 1});
  check_values(norm.init(Key{1})["bias"], {0, 0});
  const Bound p =
      bind(tape, Params({{"weight", Tensor({2}, {3.0, 5.0})}, {"bias", Tensor({2}, {0.0, 1.0})}}));
  const Var x = tape.constant(Tensor({3, 2}, {1.0, 3.0, 100.0, 90.0, -1.0, 1.0}));
  check_values(norm(p, x).value(), {-3, 6, 3, -4, -3, 6});
  // Mode's statistics are not for it.
  const nn::Statistics none;
  nn::Mode mode;
  mode.statistics = &none;
  CHECK(identical(norm(p, x, mode).value(), norm(p, x).value()));
}

TEST_CASE("dropout: the identity outside training") {
  Tape tape;
  const Var x = tape.constant(normal({10, 10}, Key{1}));
  const nn::Dropout drop{0.9};
  CHECK(drop.init(Key{1}).empty());
  CHECK(identical(drop({}, x).value(), x.value()));
  CHECK(identical(drop({}, x, {.training = false, .key = Key{5}}).value(), x.value()));
  CHECK(identical(nn::Dropout{0}({}, x, {.training = true, .key = Key{5}}).value(), x.value()));
}

TEST_CASE("dropout: in training a share is zero, the others are scaled to keep the mean") {
  Tape tape;
  constexpr double rate = 0.25, n = 40000;
  const Var x = tape.constant(Tensor::full({40000}, 3, DType::f64));
  const Tensor y = nn::Dropout{rate}({}, x, {.training = true, .key = Key{5}}).value();
  double zeros = 0;
  std::set<double> kinds;
  for (const double v : y.to_vector()) {
    zeros += v == 0;
    kinds.insert(v);
  }
  CHECK(kinds == std::set<double>{0, 3 * (1 / (1 - rate))});
  CHECK(std::abs(zeros - rate * n) < 5 * std::sqrt(rate * (1 - rate) * n));
}

TEST_CASE("dropout: the mask depends on the key alone") {
  Tape tape;
  const nn::Dropout drop{0.5};
  const Var x = tape.constant(Tensor::full({1000}, 1));
  const auto mask = [&](Key key) { return drop({}, x, {.training = true, .key = key}).value(); };
  CHECK(identical(mask(Key{5}), mask(Key{5})));
  CHECK_FALSE(identical(mask(Key{5}), mask(Key{6})));
  // Neither on the type, nor on the values.
  const Var wide = tape.constant(Tensor::full({1000}, -2, DType::f64));
  const Tensor other = drop({}, wide, {.training = true, .key = Key{5}}).value();
  for (std::int64_t i = 0; i < 1000; ++i) CHECK((other.at(i) == 0) == (mask(Key{5}).at(i) == 0));
}

TEST_CASE("dropout: its slope is the mask") {
  Tape tape;
  const Var x = tape.variable(normal({50}, Key{1}, DType::f64));
  const nn::Mode mode{.training = true, .key = Key{5}};
  const Tensor ones = Tensor::full({50}, 1, DType::f64);
  const Tensor mask = nn::Dropout{0.4}({}, tape.constant(ones), mode).value();
  CHECK(identical(grad(sum(nn::Dropout{0.4}({}, x, mode)), x), mask));
}

TEST_CASE("dropout: rates that are none, in training or not") {
  Tape tape;
  const Var x = tape.constant(Tensor::full({2}, 1));
  CHECK_THROWS_WITH(nn::Dropout{1.0}({}, x),
                    "dropout: rate 1.000000: 0 or more and below 1 is needed");
  CHECK_THROWS_WITH(nn::Dropout{-0.1}({}, x, {.training = true}),
                    "dropout: rate -0.100000: 0 or more and below 1 is needed");
  CHECK_THROWS_AS(nn::Dropout{std::nan("")}({}, x), DataError);
}

TEST_CASE("embedding: rows of the table, whose gradients add up") {
  const nn::Embedding words{.words = 3, .width = 2};
  Tape tape;
  const Bound p = bind(tape, Params({{"weight", Tensor({3, 2}, {1.0, 2.0, 3.0, 4.0, 5.0, 6.0})}}));
  const Indices at({2, 2}, {2, 0, 2, 2});
  const Var y = words(p, at);
  CHECK(y.shape() == Shape{2, 2, 2});
  check_values(y.value(), {5, 6, 1, 2, 5, 6, 5, 6});
  check_values(grad(sum(y), p)["weight"], {1, 1, 0, 0, 3, 3});
  CHECK_THROWS_AS(words(p, Indices({3})), DataError);
  CHECK_THROWS_AS(words(p, Indices({-1})), DataError);
  const Params first = words.init(Key{1});
  CHECK(first["weight"].shape() == Shape{3, 2});
  CHECK(identical(first["weight"], normal({3, 2}, Key{1}.split("weight"))));
  check_derivatives(
      [&](std::span<const Var> x) { return square(words(Bound(first.layout(), x[0]), at)); },
      {normal({6}, Key{2}, DType::f64)});
}

TEST_CASE("layers: derivatives") {
  check_derivatives(nn::Conv2d{.in = 2, .out = 3}, {2, 4, 5, 2});
  check_derivatives(nn::Conv2d{.in = 2,
                               .out = 4,
                               .kernel = {3, 2},
                               .options = {.stride = {2, 1}, .padding = {1, 0}, .groups = 2}},
                    {2, 5, 4, 2});
  check_derivatives(nn::Conv2d{.in = 1, .out = 2, .options = {.dilation = {2, 2}}, .bias = false},
                    {1, 6, 5, 1});
  check_derivatives(nn::BatchNorm{3}, {5, 3});
  check_derivatives(nn::BatchNorm{2}, {3, 2, 2, 2});
  check_derivatives(nn::LayerNorm{3}, {5, 3});
}

TEST_CASE("layers: adapted weights run like any others") {
  check_adapted(nn::Conv2d{.in = 2, .out = 3}, {2, 4, 3, 2});
  check_adapted(nn::BatchNorm{3}, {5, 3});
  check_adapted(nn::LayerNorm{4}, {3, 4});
}
