// Layers and networks: sizes, values, gradients, adapted weights, statistics as values.
#include "support/catch.hpp"

#include <cmath>

#include "metatape/nn.hpp"

using namespace metatape;

namespace {

// Worst first- and second-order error of a module's output in its flat parameters.
template <nn::Module M>
CheckResult checked(const M& module, const Shape& input) {
  const Params start = module.init(Key{3}, DType::f64);
  const std::vector<Tensor> at{start.flat(), uniform(input, Key{4}, -1, 1, DType::f64)};
  return check_gradients(
      [&](std::span<const Var> x) { return module(Bound(start.layout(), x[0]), x[1], nn::Mode{}); },
      at, {.draws = 2});
}

}  // namespace

TEST_CASE("networks have the sizes that the papers say", "[nn]") {
  CHECK(nn::conv4().init(Key{1}).size() == 111680);  // no convolution bias
  CHECK(nn::conv4().features() == 64);
  CHECK(nn::conv5_map().features() == 3136);
  CHECK(nn::conv4_stride({.classes = 5}).features() == 64);
  CHECK(nn::conv4().flop() == Approx(57987072));
  REQUIRE_THROWS_WITH(
      nn::conv4({.size = 14}).init(Key{1}),
      "conv_net: block 3 pools a map of 1 x 1 from images of 14 x 14: fewer pools or "
      "larger images are needed");
}

TEST_CASE("gradients through modules are right, twice", "[nn]") {
  const auto right = [](const CheckResult& r) {
    return r.first_order <= 1e-7 && r.recorded <= 1e-11 && r.second_order <= 1e-5;
  };
  CHECK(right(checked(nn::Linear{.in = 3, .out = 2}, {4, 3})));
  CHECK(right(checked(nn::Mlp{.sizes = {3, 5, 2}, .activation = Activation::tanh}, {4, 3})));
  CHECK(right(checked(nn::Conv2d{.in = 2, .out = 3}, {2, 4, 5, 2})));
  CHECK(right(checked(nn::BatchNorm{3}, {5, 3})));
  CHECK(right(checked(nn::LayerNorm{3}, {5, 3})));
  CHECK(right(checked(nn::Lstm{.in = 2, .hidden = 3, .layers = 2}, {4, 2, 2})));
  CHECK(right(checked(nn::Gru{.in = 2, .hidden = 3, .layers = 2}, {4, 2, 2})));
}

TEST_CASE("statistics are values: noted, saved, used", "[nn]") {
  const nn::ConvNet net = nn::conv4({.size = 16, .filters = 3});
  const Params p = net.init(Key{1});
  const Tensor images = uniform({6, 16, 16, 1}, Key{2}, 0, 1);
  Tape tape;
  const Bound b = bind(tape, p);
  const Var x = tape.constant(images);
  const nn::Applied own = nn::apply(net, b, x);
  CHECK(own.statistics.entries.size() == 4);
  CHECK(own.statistics.entries[0].first == "block0.norm");
  // The batch's own statistics, handed in, give the same values.
  nn::Mode given;
  given.statistics = &own.statistics;
  const std::vector<double> a = own.value.value().to_vector();
  const std::vector<double> c = net(b, x, given).value().to_vector();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(c[i]).margin(1e-4));
  // Saved and bound again they are constants, and one image at a time gives what all give.
  const nn::Statistics running = nn::bind_statistics(tape, own.statistics.value());
  given.statistics = &running;
  const Tensor together = net(b, x, given).value();
  for (std::int64_t i = 0; i < 6; ++i)
    CHECK(identical(net(b, rows(x, i, i + 1), given).value(), together.rows(i, i + 1)));
  const nn::Statistics none;
  given.statistics = &none;
  REQUIRE_THROWS_WITH(net(b, x, given),
                      "batch_norm: there are no statistics of 'block0.norm' among those given");
}

TEST_CASE("running statistics are an exponential average", "[nn]") {
  const Params first(
      {{"n.running_mean", Tensor({1}, {1.0f})}, {"n.running_var", Tensor({1}, {2.0f})}});
  const Params second(
      {{"n.running_mean", Tensor({1}, {3.0f})}, {"n.running_var", Tensor({1}, {6.0f})}});
  CHECK(identical(nn::update_running({}, first, 0.1), first));
  const Params r = nn::update_running(first, second, 0.25);
  CHECK(r["n.running_mean"].item() == Approx(1.5));
  CHECK(r["n.running_var"].item() == Approx(3));
}

TEST_CASE("an adapted network runs like any other", "[nn]") {
  const nn::Mlp net{.sizes = {2, 3, 1}, .activation = Activation::tanh};
  const Params p = net.init(Key{1}, DType::f64);
  Tape tape;
  const Bound b = bind(tape, p);
  const Var x = tape.constant(normal({4, 2}, Key{2}, DType::f64));
  const auto loss = [&](const Bound& q) { return mean(square(net(q, x))); };
  const Bound adapted = b - 0.5 * recorded_grad(loss(b), b);
  Params stepped = p;
  stepped.add_scaled(-0.5, grad(loss(b), b));
  CHECK(loss(adapted).item() == Approx(loss(bind(tape, stepped)).item()).epsilon(1e-12));
  CHECK(grad(loss(adapted), b).norm() > 0);
}

TEST_CASE("dropout acts in training alone, by its key alone", "[nn]") {
  const nn::Dropout drop{0.25};
  Tape tape;
  const Var x = tape.constant(Tensor::full({40000}, 1));
  CHECK(identical(drop({}, x).value(), x.value()));
  nn::Mode mode{.training = true, .key = Key{5}};
  const Tensor once = drop({}, x, mode).value(), again = drop({}, x, mode).value();
  CHECK(identical(once, again));
  double sum = 0;
  for (const double v : once.to_vector()) sum += v;
  CHECK(std::abs(sum / 40000 - 1) < 5 * std::sqrt(0.25 / 0.75 / 40000));
  REQUIRE_THROWS_WITH(nn::Dropout{1.0}({}, x, mode),
                      "dropout: rate 1.000000: 0 or more and below 1 is needed");
}

TEST_CASE("first weights have the spread they should", "[nn]") {
  const auto deviation = [](const Tensor& t) {
    double square = 0;
    for (const double v : t.to_vector()) square += v * v;
    return std::sqrt(square / static_cast<double>(t.size()));
  };
  const Shape w{64, 32, 3, 3};
  CHECK(nn::fans(w).in == 288);
  CHECK(nn::fans(w).out == 576);
  CHECK(deviation(nn::he_normal(w, Key{1})) == Approx(std::sqrt(2.0 / 288)).epsilon(0.03));
  CHECK(deviation(nn::he_uniform(w, Key{1})) == Approx(std::sqrt(2.0 / 288)).epsilon(0.03));
  CHECK(deviation(nn::glorot_uniform(w, Key{1})) == Approx(std::sqrt(2.0 / 864)).epsilon(0.03));
  CHECK(deviation(nn::glorot_normal(w, Key{1})) == Approx(std::sqrt(2.0 / 864)).epsilon(0.03));
  // 0.8796 is the deviation of a normal cut at two deviations.
  CHECK(deviation(nn::truncated_normal(w, Key{1}, 0.5)) == Approx(0.5 * 0.8796).epsilon(0.03));
  for (const Shape& s : {Shape{3, 5}, Shape{5, 3}, Shape{4, 4}}) {
    const Tensor q = nn::orthogonal(s, Key{2}, 2, DType::f64);
    Tape tape;
    const Var v = tape.constant(q);
    const bool wide = s[0] <= s[1];
    const Tensor product =
        matmul(v, v, wide ? Transpose::no : Transpose::yes, wide ? Transpose::yes : Transpose::no)
            .value();
    const std::int64_t n = std::min(s[0], s[1]);
    for (std::int64_t i = 0; i < n * n; ++i)
      CHECK(product.at(i) == Approx(i % (n + 1) == 0 ? 4 : 0).margin(1e-12));
  }
}

TEST_CASE("losses by hand", "[nn]") {
  Tape tape;
  const Var x = tape.constant(Tensor({3}, {0.0, 1.0, 4.0})),
            y = tape.constant(Tensor({3}, {0.5, 1.0, 1.0}));
  CHECK(nn::mean_squared_error(x, y).item() == Approx((0.25 + 9) / 3));
  CHECK(nn::huber(x, y, 1).item() == Approx((0.125 + 2.5) / 3));
  const Var logits = tape.constant(Tensor({2, 2}, {1.0, 2.0, 3.0, 0.0}));
  CHECK(nn::accuracy(logits, Indices({1, 1})) == 0.5);
}
