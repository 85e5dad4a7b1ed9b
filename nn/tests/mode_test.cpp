// mode_test.cpp: batch statistics are values: noted, saved, bound, averaged, differentiated.
#include "metatape/nn/mode.hpp"

#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/conv_net.hpp"
#include "metatape/nn/layers.hpp"
#include "support/modules.hpp"

using namespace metatape;

namespace {

Params one_channel(double mean, double variance) {
  return Params(
      {{"n.running_mean", Tensor({1}, {mean})}, {"n.running_var", Tensor({1}, {variance})}});
}

// The support batch's statistics normalise the query, and are differentiated through.
template <nn::Module M>
Var by_support(const M& module, const Bound& p, Var support, Var query) {
  const nn::Applied noted = nn::apply(module, p, support);
  nn::Mode mode;
  mode.statistics = &noted.statistics;
  return module(p, query, mode);
}

}  // namespace

TEST_CASE("mode: a part's name is dotted, its key is split") {
  nn::Statistics statistics, made;
  const nn::Mode whole{
      .training = true, .key = Key{3}, .statistics = &statistics, .made = &made, .name = ""};
  const nn::Mode part = whole.inside("block0").inside("norm");
  CHECK(part.name == "block0.norm");
  CHECK(part.key == Key{3}.split("block0").split("norm"));
  CHECK(part.training);
  CHECK(part.statistics == &statistics);
  CHECK(part.made == &made);
  CHECK(whole.inside("0").key != whole.inside("1").key);
}

TEST_CASE("mode: running statistics are an exponential average") {
  CHECK(identical(nn::update_running({}, one_channel(1, 2), 0.1), one_channel(1, 2)));
  const Params r = nn::update_running(one_channel(1, 2), one_channel(3, 6), 0.25);
  CHECK(r["n.running_mean"].item() == Approx(1.5));
  CHECK(r["n.running_var"].item() == Approx(3));
  CHECK(identical(nn::update_running(one_channel(1, 2), one_channel(3, 6), 0), one_channel(1, 2)));
  CHECK(identical(nn::update_running(one_channel(1, 2), one_channel(3, 6), 1), one_channel(3, 6)));
  // What was handed in stays as it is, and k updates leave (1 - weight)^k of the first.
  const Params first = one_channel(5, 1);
  Params running = first;
  for (int k = 0; k < 20; ++k) running = nn::update_running(running, one_channel(0, 2), 0.1);
  CHECK(identical(first, one_channel(5, 1)));
  CHECK(running["n.running_mean"].item() == Approx(5 * std::pow(0.9, 20)));
  CHECK(running["n.running_var"].item() == Approx(2 - std::pow(0.9, 20)));
  const Params other(
      {{"m.running_mean", Tensor({1}, {0.0})}, {"m.running_var", Tensor({1}, {1.0})}});
  CHECK_THROWS_AS(nn::update_running(first, other, 0.1), ShapeError);
}

TEST_CASE("mode: statistics are saved by name and bound as constants") {
  Tape tape;
  const Params values = one_channel(1, 2);
  const nn::Statistics bound = nn::bind_statistics(tape, values);
  REQUIRE(bound.entries.size() == 1);
  CHECK(bound.entries[0].first == "n");
  CHECK(bound.find("n") == &bound.entries[0].second);
  CHECK(bound.find("m") == nullptr);
  CHECK_FALSE(bound.find("n")->mean.differentiable());
  CHECK_FALSE(bound.find("n")->variance.differentiable());
  CHECK(identical(bound.value(), values));
  CHECK(nn::bind_statistics(tape, {}).entries.empty());
  // Anything else among the values is passed over; a mean alone is not.
  CHECK(nn::bind_statistics(tape, Params({{"weight", Tensor({1}, {1.0})}})).entries.empty());
  CHECK_THROWS_WITH(nn::bind_statistics(tape, Params({{"n.running_mean", Tensor({1}, {1.0})}})),
                    "params: there is no 'n.running_var'; there is n.running_mean");
}

TEST_CASE("batch_norm: the batch's own mean and biased variance are noted") {
  Tape tape;
  const nn::BatchNorm norm{2};
  const Bound p = bind(tape, norm.init(Key{1}, DType::f64));
  const Var x = tape.constant(Tensor({2, 1, 2, 2}, {1.0, 10.0, 2.0, 10.0, 3.0, 10.0, 6.0, 10.0}));
  nn::Mode mode;
  mode.name = "n";
  const nn::Applied a = nn::apply(norm, p, x, mode);
  const Params noted = a.statistics.value();
  check_values(noted["n.running_mean"], {3, 10});
  check_values(noted["n.running_var"], {3.5, 0});
}

TEST_CASE("batch_norm: statistics given are used, and only these") {
  Tape tape;
  const nn::BatchNorm norm{.channels = 1, .epsilon = 0};
  const Bound p =
      bind(tape, Params({{"weight", Tensor({1}, {10.0})}, {"bias", Tensor({1}, {1.0})}}));
  const nn::Statistics running = nn::bind_statistics(tape, one_channel(2, 4));
  nn::Mode mode;
  mode.name = "n";
  mode.statistics = &running;
  const Var x = tape.constant(Tensor({3, 1}, {2.0, 4.0, -2.0}));
  check_values(norm(p, x, mode).value(), {1, 11, -19});
  // Noted all the same: what training with running statistics averages.
  const nn::Applied a = nn::apply(norm, p, x, mode);
  check_values(a.value.value(), {1, 11, -19});
  check_values(a.statistics.value()["n.running_mean"], {4.0 / 3});
  mode.name = "other";
  CHECK_THROWS_WITH(norm(p, x, mode),
                    "batch_norm: there are no statistics of 'other' among those given");
}

TEST_CASE("statistics of a network: noted by name, handed in, saved") {
  const nn::ConvNet net = nn::conv4({.size = 16, .filters = 3});
  Tape tape;
  const Bound p = bind(tape, net.init(Key{1}, DType::f64));
  const Var x = tape.constant(uniform({6, 16, 16, 1}, Key{2}, 0, 1, DType::f64));
  const nn::Applied own = nn::apply(net, p, x);
  REQUIRE(own.statistics.entries.size() == 4);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(own.statistics.entries[i].first == "block" + std::to_string(i) + ".norm");
  // The batch's own, handed in, give the same values.
  nn::Mode given;
  given.statistics = &own.statistics;
  check_values(net(p, x, given).value(), own.value.value(), 1e-9);
  // Saved and bound again they are constants, and one image at a time gives what all give.
  const nn::Statistics running = nn::bind_statistics(tape, own.statistics.value());
  given.statistics = &running;
  const Tensor together = net(p, x, given).value();
  check_values(together, own.value.value(), 1e-9);
  for (std::int64_t i = 0; i < 6; ++i)
    check_values(net(p, rows(x, i, i + 1), given).value(), together.rows(i, i + 1), 1e-12);
  const nn::Statistics none;
  given.statistics = &none;
  CHECK_THROWS_WITH(net(p, x, given),
                    "batch_norm: there are no statistics of 'block0.norm' among those given");
}

TEST_CASE("statistics of the support are differentiated through") {
  const Tensor support = uniform({5, 3}, Key{4}, -1, 1, DType::f64);
  const Tensor query = uniform({4, 3}, Key{5}, -1, 1, DType::f64);
  const nn::BatchNorm norm{3};
  const Params start({{"weight", uniform({3}, Key{6}, 0.5, 1.5, DType::f64)},
                      {"bias", normal({3}, Key{7}, DType::f64)}});
  check_derivatives(
      [&](std::span<const Var> x) {
        return by_support(norm, Bound(start.layout(), x[0]), x[1], x[2]);
      },
      {start.flat(), support, query});
  // By hand, one channel of variance v around 0 by ± sqrt(v): d/d(mean) of (q - m) / sqrt(v).
  Tape tape;
  const nn::BatchNorm plain{.channels = 1, .epsilon = 0};
  const Bound p = bind(tape, plain.init(Key{1}, DType::f64));
  const Var s = tape.variable(Tensor({2, 1}, {-2.0, 2.0}));
  const Var y = by_support(plain, p, s, tape.constant(Tensor({1, 1}, {6.0})));
  CHECK(y.value().item() == Approx(3));
  // dm = ½ each; dv = (s_i - m) * 2 / 2 = ∓2; dy = -dm / 2 - 6 dv / (2 * 8).
  check_values(grad(sum(y), s), {-0.25 + 0.75, -0.25 - 0.75});
}

TEST_CASE("statistics of a support go through a whole network") {
  const nn::ConvNet net{.size = 4, .filters = 2, .blocks = 2, .pools = 1};
  const Params start = net.init(Key{3}, DType::f64);
  const CheckResult r = check_gradients(
      [&](std::span<const Var> x) {
        return by_support(net, Bound(start.layout(), x[0]), x[1], x[2]);
      },
      std::vector<Tensor>{start.flat(), uniform({3, 4, 4, 1}, Key{4}, -1, 1, DType::f64),
                          uniform({2, 4, 4, 1}, Key{5}, -1, 1, DType::f64)},
      {.draws = 2});
  check_derivatives(r);
}
