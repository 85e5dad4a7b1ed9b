// What metric learners are made of, by hand and against each other.
#include "metatape/metalearn/fewshot/metric.hpp"

#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

TEST_CASE("distances and similarities by hand", "[fewshot]") {
  Tape tape;
  const Var a = tape.constant(Tensor({2, 2}, {0.0, 0.0, 3.0, 4.0})),
            b = tape.constant(Tensor({3, 2}, {3.0, 4.0, 0.0, 2.0, -4.0, 3.0}));
  CHECK(squared_distances(a, b).value().to_vector() == std::vector<double>{25, 4, 25, 0, 13, 50});
  const std::vector<double> cosines = cosine_similarities(a, b).value().to_vector();
  const std::vector<double> expected{0, 0, 0, 1, 0.8, 0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(cosines[i] == Approx(expected[i]).margin(1e-7));
}

TEST_CASE("classes are averaged and summed by label, in any order", "[fewshot]") {
  Tape tape;
  const Tensor rows({4, 2}, {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0});
  const Var x = tape.constant(rows);
  CHECK(class_means(x, Indices({0, 0, 1, 1}), 2).value().to_vector() ==
        std::vector<double>{2, 3, 6, 7});
  CHECK(class_means(x, Indices({1, 0, 1, 1}), 2).value().to_vector() ==
        std::vector<double>{3, 4, 13.0 / 3, 16.0 / 3});
  const Var y = transpose(x);
  const std::vector<double> regular =
      class_logsumexp(y, Indices({0, 0, 1, 1}), 2).value().to_vector();
  CHECK(regular[0] == Approx(std::log(std::exp(1) + std::exp(3))));
  CHECK(regular[3] == Approx(std::log(std::exp(6) + std::exp(8))));
  const std::vector<double> mixed =
      class_logsumexp(y, Indices({1, 0, 1, 1}), 2).value().to_vector();
  CHECK(mixed[0] == Approx(3));
  CHECK(mixed[1] == Approx(std::log(std::exp(1) + std::exp(5) + std::exp(7))));
  REQUIRE_THROWS_WITH(class_means(x, Indices({0, 0, 0, 0}), 2),
                      "support: no image of class 1 of 2");
  REQUIRE_THROWS_WITH(class_means(x, Indices({0, 2, 1, 0}), 2),
                      "support label 2 at 1: 0 to 1 expected");
}

// The same decisions, one by one.
TEST_CASE("all pairs are the mean over every single support drawing", "[fewshot]") {
  const int way = 3, shot = 1, query = 2, n = way * (shot + query);
  const Tensor embedded = normal({n, 5}, Key{4}, DType::f64);
  Tape tape;
  const Prototypical proto{.scale = 0.5};
  const Logits logits = [&](Var s, const Indices& l, int w, Var q) {
    return proto.logits(s, l, w, q);
  };
  const PairedLoss all =
      paired_loss(Pairing::all, logits, tape.constant(embedded), way, shot, query);

  const auto row = [&](int c, int drawing) {
    return drawing == 0 ? c : way + c * query + drawing - 1;
  };
  const auto distance = [&](int i, int j) {
    double d = 0;
    for (int k = 0; k < 5; ++k) d += std::pow(embedded.at(i * 5 + k) - embedded.at(j * 5 + k), 2);
    return d;
  };
  double loss = 0;
  int count = 0, right = 0;
  for (int drawing = 0; drawing < 3; ++drawing)
    for (int c = 0; c < way; ++c)
      for (int support = 0; support < 3; ++support) {
        if (support == drawing) continue;
        double total = 0, best = -1e9;
        int winner = -1;
        for (int k = 0; k < way; ++k) {
          const double score = -0.5 * distance(row(c, drawing), row(k, support));
          total += std::exp(score);
          if (score > best) best = score, winner = k;
        }
        loss -= -0.5 * distance(row(c, drawing), row(c, support)) - std::log(total);
        right += winner == c;
        ++count;
      }
  CHECK(all.loss.item() == Approx(loss / count).epsilon(1e-12));
  CHECK(all.accuracy == Approx(static_cast<double>(right) / count));
}

TEST_CASE("with single supports and Euclidean similarity, matching is the prototypical net",
          "[fewshot]") {
  Tape tape;
  const Var support = tape.constant(normal({4, 6}, Key{1})),
            query = tape.constant(normal({9, 6}, Key{2}));
  const Indices labels({0, 1, 2, 3});
  const Prototypical proto{.scale = 0.25};
  const Var by_matching = class_logsumexp(-0.25 * squared_distances(query, support), labels, 4);
  CHECK(identical(proto.logits(support, labels, 4, query).value(), by_matching.value()));
}

TEST_CASE("matching networks attend by cosine", "[fewshot]") {
  Tape tape;
  const Matching matching{.scale = 2};
  const Var support = tape.constant(Tensor({3, 2}, {1.0, 0.0, 0.0, 2.0, 5.0, 0.0}));
  const Var query = tape.constant(Tensor({1, 2}, {3.0, 0.0}));
  // cosines 1, 0, 1 with labels 0, 1, 0
  const std::vector<double> p =
      softmax(matching.logits(support, Indices({0, 1, 0}), 2, query)).value().to_vector();
  const double same = 2 * std::exp(2.0);
  CHECK(p[0] == Approx(same / (same + 1)).epsilon(1e-5));
}

TEST_CASE("the loss's gradient is right for each kind of statistics and pairing", "[fewshot]") {
  const auto world = worlds::tiny({.way = 3, .shot = 1, .query = 2});
  const tasks::Episode episode = world->episode(0);
  for (const StatisticsFrom statistics :
       {StatisticsFrom::batch, StatisticsFrom::support, StatisticsFrom::running})
    for (const Pairing pairing : {Pairing::episode, Pairing::all}) {
      Prototypical learner;
      learner.network = {.size = 8, .filters = 2, .blocks = 2, .pools = 1};
      learner.statistics = statistics;
      learner.pairing = pairing;
      const Params phi = learner.init(Key{3});
      Tape tape;
      const MetaStep step = learner.objective(tape, phi, {}, episode, Key{1});
      // along the gradient itself, float32
      Params ahead = phi, behind = phi;
      const double h = 1e-2 / step.gradient.norm();
      ahead.add_scaled(h, step.gradient);
      behind.add_scaled(-h, step.gradient);
      const double slope = (learner.objective(tape, ahead, {}, episode, Key{1}).loss -
                            learner.objective(tape, behind, {}, episode, Key{1}).loss) /
                           (2 * h);
      CHECK(slope == Approx(step.gradient.dot(step.gradient)).epsilon(0.02));
      CHECK(step.carry.contains("block1.norm.running_var"));
    }
}

TEST_CASE("queries are classified alike one at a time and all together, unless transductive",
          "[fewshot]") {
  const auto world = worlds::tiny({.way = 4, .shot = 2, .query = 3});
  const tasks::Episode e = world->episode(5);
  for (const StatisticsFrom statistics :
       {StatisticsFrom::batch, StatisticsFrom::support, StatisticsFrom::running}) {
    Prototypical learner;
    learner.network = {.size = 8, .filters = 4, .blocks = 2, .pools = 1};
    learner.statistics = statistics;
    const Params phi = learner.init(Key{3});
    Tape tape(Recording::off);
    const Params carry = [&] {
      Tape recording;
      return learner.objective(recording, phi, {}, world->episode(1), Key{1}).carry;
    }();
    const Classifier classify = learner.adapt(tape, phi, carry, e.support, e.support_labels, 4);
    const Tensor together = classify(e.query);
    bool same = true;
    for (std::int64_t i = 0; i < e.query.shape()[0]; ++i)
      same = same && identical(classify(e.query.rows(i, i + 1)), together.rows(i, i + 1));
    CHECK(same == !learner.transductive());
    for (std::int64_t i = 0; i < together.shape()[0]; ++i) {
      double total = 0;
      for (int k = 0; k < 4; ++k) total += together.at(i * 4 + k);
      CHECK(total == Approx(1).epsilon(1e-5));
    }
  }
}
