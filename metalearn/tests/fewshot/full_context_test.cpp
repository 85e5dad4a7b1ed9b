// Full context embeddings: by hand on one feature, against single ops, and as a learner.
#include "metatape/metalearn/fewshot/full_context.hpp"

#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/evaluate.hpp"
#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// An LSTM of one unit on two inputs (the second may be absent), written out.
struct Cell {
  double w[4][2], u[4], b[4];  // i f g o: of the inputs, of the state, bias
  double h = 0, c = 0;

  void step(double x0, double x1) {
    const auto gate = [&](int k) { return w[k][0] * x0 + w[k][1] * x1 + u[k] * h + b[k]; };
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * std::tanh(gate(2));
    h = sigmoid(gate(3)) * std::tanh(c);
  }
};

Cell cell(const Params& p) {
  const Tensor w = p["weight_ih_l0"], u = p["weight_hh_l0"], b = p["bias_l0"];
  const std::int64_t in = w.shape()[1];
  Cell cell{};
  for (int k = 0; k < 4; ++k) {
    cell.w[k][0] = w.at(k * in);
    cell.w[k][1] = in > 1 ? w.at(k * in + 1) : 0;
    cell.u[k] = u.at(k);
    cell.b[k] = b.at(k);
  }
  return cell;
}

std::shared_ptr<const tasks::EpisodeSampler> sampler(const tasks::Split& split,
                                                     const tasks::EpisodeOptions& options) {
  return std::make_shared<const tasks::EpisodeSampler>(split, options, Key{1});
}

Matching small(int filters) {
  return {.network = nn::conv4({.filters = filters}), .pairing = Pairing::episode, .fce = true};
}

}  // namespace

TEST_CASE("full context embeddings of one feature by hand", "[fewshot]") {
  const FullContext context{.features = 1, .steps = 3};
  const Params p = context.init(Key{3}, DType::f64);
  const double s[2] = {0.5, -1.5}, q = 0.8;

  double g[2] = {s[0], s[1]};
  Cell there = cell(p.inside("forward")), back = cell(p.inside("backward"));
  for (const int i : {0, 1}) there.step(s[i], 0), g[i] += there.h;
  for (const int i : {1, 0}) back.step(s[i], 0), g[i] += back.h;

  Cell attention = cell(p.inside("attention"));
  for (int k = 0; k < 3; ++k) {
    const double a = 1 / (1 + std::exp(attention.h * (g[1] - g[0])));  // on g[0]
    attention.step(q, a * g[0] + (1 - a) * g[1]);
    attention.h += q;
  }

  Tape tape;
  const Bound bound = bind(tape, p);
  const Var known = context.support(bound, tape.constant(Tensor({2, 1}, {s[0], s[1]})));
  CHECK(known.value().at(0) == Approx(g[0]).epsilon(1e-12));
  CHECK(known.value().at(1) == Approx(g[1]).epsilon(1e-12));
  const Var f = context.query(bound, known, tape.constant(Tensor({1, 1}, {q})));
  CHECK(f.item() == Approx(attention.h).epsilon(1e-12));
}

TEST_CASE("with weights of zero the context changes nothing", "[fewshot]") {
  const FullContext context{.features = 5};
  Tape tape;
  const Bound p = bind(tape, context.init(Key{1}).zeros_like());
  const Tensor s = normal({4, 5}, Key{2}), q = normal({3, 5}, Key{3});
  const Var known = context.support(p, tape.constant(s));
  CHECK(identical(known.value(), s));
  CHECK(identical(context.query(p, known, tape.constant(q)).value(), q));
}

TEST_CASE("the gradient of full context embeddings is that of differences", "[fewshot]") {
  const FullContext context{.features = 3, .steps = 2};
  const Params p = context.init(Key{1}, DType::f64);
  const CheckResult r = check_gradients(
      [&](std::span<const Var> x) {
        const Bound bound(p.layout(), x[0]);
        const Var known = context.support(bound, x[1]);
        return concat({known, context.query(bound, known, x[2])});
      },
      std::vector<Tensor>{p.flat(), normal({4, 3}, Key{2}, DType::f64),
                          normal({2, 3}, Key{3}, DType::f64)});
  CHECK(r.first_order < 1e-7);
}

TEST_CASE("full context embeddings refuse what does not fit", "[fewshot]") {
  REQUIRE_THROWS_WITH((FullContext{.features = 3136}).init(Key{1}),
                      "full context: embeddings of 3136 numbers would need 275 million weights; at "
                      "most 1024 numbers, such as 64 of conv4 with 64 filters, are expected");
  REQUIRE_THROWS_WITH((FullContext{.features = 4, .steps = 0}).init(Key{1}),
                      "full context: features 4, steps 0: each at least 1");
  const FullContext context{.features = 4};
  Tape tape;
  const Bound p = bind(tape, context.init(Key{1}));
  const Var four = tape.constant(Tensor::zeros({2, 4})),
            five = tape.constant(Tensor::zeros({2, 5}));
  REQUIRE_THROWS_WITH(context.support(p, five), "full context: support [2, 5]: [n, 4] is expected");
  REQUIRE_THROWS_WITH(context.query(p, four, five),
                      "full context: queries [2, 5]: [n, 4] is expected");
  REQUIRE_THROWS_WITH((Matching{.fce = true}).init(Key{1}),
                      "full context embeddings with pairing 'all': pairing 'episode' is needed, "
                      "since each decision must have a support set to be embedded in");
}

TEST_CASE("a learner with full context embeds no image alone, and a query by itself", "[fewshot]") {
  Matching learner = small(8);
  const AnyLearner any = learner;
  CHECK_FALSE(any.embeds_alone());
  const Params phi = any.init(Key{3});
  CHECK(phi.contains("fce.attention.weight_ih_l0"));
  const auto world = sampler(worlds::alphabets().train, {.way = 5, .shot = 2, .query = 3});
  const tasks::Episode e = world->episode(5);
  for (const StatisticsFrom from : {StatisticsFrom::support, StatisticsFrom::running}) {
    learner.statistics = from;
    Tape tape;
    const Params carry = learner.objective(tape, phi, {}, e, Key{1}).carry;
    tape.clear();
    const Classifier classify = learner.adapt(tape, phi, carry, e.support, e.support_labels, 5);
    const Tensor together = classify(e.query);
    for (std::int64_t i = 0; i < e.query.shape()[0]; ++i)
      CHECK(identical(classify(e.query.rows(i, i + 1)), together.rows(i, i + 1)));
    // The context is used: without it other answers.
    Matching plain = learner;
    plain.fce = false;
    CHECK_FALSE(identical(plain.adapt(tape, phi, carry, e.support, e.support_labels, 5)(e.query),
                          together));
  }
}

TEST_CASE("matching with full context learns", "[fewshot]") {
  Threads threads(2);
  const AnyLearner learner = small(16);
  const auto test = sampler(worlds::alphabets().test, {.way = 5, .shot = 1, .query = 5});
  const auto accuracy = [&](const Trained& t) {
    return evaluate(learner, t, test, 40, {.threads = &threads}).accuracy;
  };
  const auto after = [&](int episodes) {
    return accuracy(train(learner,
                          sampler(worlds::alphabets().train, {.way = 5, .shot = 1, .query = 5}),
                          {.episodes = episodes,
                           .trainer = {.optimizer = Adam{.learning_rate = 1e-3}},
                           .threads = &threads}));
  };
  const double first = after(1), last = after(200);
  INFO(first << " after an episode, " << last << " after 200");
  CHECK(last > first + 0.1);
  CHECK(last > 0.5);
}
