// What is read out of answers: calibration, confusions, embeddings in a plane; and that answers do
// not depend on how they were asked for.
#include <cmath>
#include <string>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/calibration.hpp"
#include "metatape/metalearn/fewshot/confusions.hpp"
#include "metatape/metalearn/fewshot/principal_components.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/tasks/episodes/pixels.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

Prototypical small_learner() {
  Prototypical learner;
  learner.network = nn::conv4({.filters = 4});
  return learner;
}

// Running statistics of one training step: without them nothing can be embedded.
Trained trained(const AnyLearner& learner) {
  const tasks::EpisodeSampler sampler(worlds::alphabets().train, {.way = 5, .query = 2}, Key{1});
  Tape tape;
  const Params phi = learner.init(Key{1});
  return {phi, learner.objective(tape, phi, {}, sampler.episode(0), Key{2}).carry};
}

std::shared_ptr<const tasks::EpisodeSampler> episodes(int shot) {
  return std::make_shared<const tasks::EpisodeSampler>(
      worlds::alphabets().test, tasks::EpisodeOptions{.way = 4, .shot = shot, .query = 3}, Key{1});
}

}  // namespace

TEST_CASE("calibration by hand", "[fewshot]") {
  Calibration c;
  CHECK(std::isnan(c.expected_error()));
  CHECK(std::isnan(c.negative_log_likelihood()));
  // Two classes, two queries each: sure and right, sure and wrong, unsure and right twice.
  const Tensor p({4, 2}, {0.95f, 0.05f, 0.08f, 0.92f, 0.45f, 0.55f, 0.0f, 1.0f});
  c.add({.labels = {0, 1, 1, 1}, .probabilities = p}, 2);
  CHECK(c.queries() == 4);
  CHECK(c.bin(9).queries == 3);
  CHECK(c.bin(9).confidence == Approx((0.95 + 0.92 + 1) / 3));
  CHECK(c.bin(9).right == Approx(2.0 / 3));
  CHECK(c.bin(5).queries == 1);
  CHECK(c.bin(0).queries == 0);
  CHECK(c.expected_error() == Approx((std::abs(0.95 + 0.92 + 1 - 2) + 0.45) / 4));
  CHECK(c.negative_log_likelihood() ==
        Approx(-(std::log(0.95) + std::log(0.08) + std::log(0.55)) / 4));
  // A right class of no probability at all costs much, but not infinitely much.
  Calibration zero;
  zero.add({.labels = {1, 0}, .probabilities = Tensor({2, 2}, {0.0f, 1.0f, 1.0f, 0.0f})}, 2);
  CHECK(zero.negative_log_likelihood() == Approx(87.3).epsilon(0.01));
  CHECK_THROWS_WITH(c.add({.labels = {0, 1}, .probabilities = p}, 2),
                    "calibration: probabilities [4, 2] for 2 queries of 2 classes");
}

TEST_CASE("confusions by hand", "[fewshot]") {
  tasks::ImageSetBuilder builder;
  const tasks::Image dot{1, 1, 1, {255}};
  for (const char* name : {"a", "b"}) builder.add("first", name, "", dot);
  for (const char* name : {"c", "d"}) builder.add("second", name, "", dot);
  Confusions c(builder.finish("made", tasks::Ink::light));
  CHECK(std::isnan(c.same_group()));
  // Classes a, b, c with two queries each: a is called b once, c is called a once.
  const tasks::EpisodePlan plan{.classes = {0, 1, 2}, .turns = {}, .support = {}, .query = {}};
  c.add(plan, {0, 1, 1, 1, 0, 2});
  CHECK(c.queries() == 6);
  CHECK(c.wrong() == 2);
  CHECK(c.groups() == std::vector<int>{0, 1});
  CHECK(c.same_group() == Approx(0.5));
  // of a's other classes one of two is kin, of c's none
  CHECK(c.same_group_by_chance() == Approx(0.25));
  CHECK(c.rate(0, 0) == Approx(1.0 / 4));  // a and b, two queries each, one kin class each
  CHECK(c.rate(0, 1) == Approx(0.0));
  CHECK(c.rate(1, 0) == Approx(1.0 / 4));  // c's two queries had two classes of the first
  CHECK(std::isnan(c.rate(1, 1)));
  CHECK(c.accuracy(0) == Approx(0.75));
  CHECK(c.accuracy(1) == Approx(0.5));
  const auto worst = c.worst_pairs(5);
  REQUIRE(worst.size() == 2);
  CHECK(worst[0].a == 0);
  CHECK(worst[0].b == 1);
  CHECK(worst[0].wrong == 1);
  CHECK(worst[0].chances == 4);
  CHECK(c.worst_pairs(1).size() == 1);
  CHECK_THROWS_WITH(c.add(plan, {0, 1}), "confusions: 2 answers of an episode of 3 classes");
}

TEST_CASE("principal components of points in a plane within many dimensions", "[fewshot]") {
  // Rows a u + b v + centre with u, v orthonormal, a of twice b's spread.
  constexpr std::int64_t n = 40, d = 50;
  Tensor rows = Tensor::zeros({n, d});
  const Tensor a = normal({n}, Key{1}), b = normal({n}, Key{2});
  const std::span<float> r = rows.mutable_values<float>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < d; ++j)
      r[static_cast<std::size_t>(i * d + j)] =
          static_cast<float>(3 + (j == 7 ? 2 * a.at(i) : 0) - (j == 30 ? b.at(i) : 0));
  const PrincipalComponents found = principal_components(rows, 3);
  CHECK(found.points.shape() == Shape{n, 3});
  CHECK(found.shares[0] + found.shares[1] == Approx(1).epsilon(1e-5));
  CHECK(found.shares[0] > found.shares[1]);
  CHECK(found.shares[2] == Approx(0).margin(1e-6));
  // Distances in the plane are those of the rows.
  for (std::int64_t i = 1; i < n; ++i) {
    const double da = 2 * (a.at(i) - a.at(0)), db = b.at(i) - b.at(0);
    const double x = found.points.at(3 * i) - found.points.at(0);
    const double y = found.points.at(3 * i + 1) - found.points.at(1);
    CHECK(x * x + y * y == Approx(da * da + db * db).epsilon(1e-4));
  }
  CHECK(found.points.to_vector() == principal_components(rows, 3).points.to_vector());
  const PrincipalComponents still = principal_components(Tensor::full({4, 3}, 2), 2);
  CHECK(still.points.to_vector() == std::vector<double>(8));
  CHECK(still.shares == std::vector<double>{0, 0});
  CHECK(principal_components(Tensor({1, 2}, {1.0f, 2.0f}), 2).points.size() == 2);
  CHECK_THROWS_AS(principal_components(Tensor::zeros({0, 3})), ShapeError);
  CHECK_THROWS_AS(principal_components(Tensor::zeros({4, 3}), 17), ShapeError);
}

TEST_CASE("one embedded split serves every shot, with probabilities", "[fewshot]") {
  const AnyLearner learner = small_learner();
  const Trained t = trained(learner);
  const auto one = episodes(1), two = episodes(2);
  const auto embedded =
      std::make_shared<const EmbeddedSplit>(embed_split(learner, t, *one, nullptr));
  const Answers own = learner_answers(learner, t, two, nullptr);
  const Answers shared = learner_answers(learner, t, two, nullptr, embedded);
  const EpisodeAnswers a = own(two->plan(3), 0), b = shared(two->plan(3), 0);
  CHECK(a.labels == b.labels);
  CHECK(a.probabilities.to_vector() == b.probabilities.to_vector());
  CHECK(a.probabilities.shape() == Shape{12, 4});
  for (int i = 0; i < 12; ++i) {
    double sum = 0;
    for (int k = 0; k < 4; ++k) {
      sum += a.probabilities.at(4 * i + k);
      CHECK(a.probabilities.at(4 * i + k) <=
            a.probabilities.at(4 * i + a.labels[static_cast<std::size_t>(i)]));
    }
    CHECK(sum == Approx(1).epsilon(1e-5));
  }
  CHECK(pixel_answers(*one, false, nullptr)(one->plan(0), 0).probabilities.size() == 0);
}

TEST_CASE("answers are observed in the order of their episodes on any threads", "[fewshot]") {
  const auto sampler = episodes(1);
  for (const int n : {1, 3}) {
    Threads threads(n);
    std::vector<std::uint64_t> seen;
    std::vector<double> right;
    const Evaluation e =
        evaluate(pixel_answers(*sampler, true, &threads), *sampler, 70,
                 {.threads = &threads,
                  .observe = [&](const tasks::EpisodePlan& plan, const EpisodeAnswers& answers) {
                    seen.push_back(plan.index);
                    right.push_back(tasks::share_right(answers.labels, plan.classes.size()));
                  }});
    REQUIRE(seen.size() == 70);
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i);
    CHECK(right == e.accuracies);
  }
}

TEST_CASE("Lake's task one image at a time gives the same answers", "[fewshot]") {
  for (const StatisticsFrom statistics :
       {StatisticsFrom::running, StatisticsFrom::support, StatisticsFrom::batch}) {
    Prototypical of = small_learner();
    of.statistics = statistics;
    const AnyLearner learner = of;
    const Trained t = trained(small_learner());
    const tasks::EpisodeSampler sampler(worlds::alphabets().test, {.way = 20, .query = 1}, Key{4});
    for (const std::uint64_t e : {0ULL, 1ULL}) {
      const tasks::Episode run = sampler.episode(e);
      const auto together = one_shot_learner(learner, t)(run.support, run.query);
      const auto alone =
          one_shot_learner(learner, t, nullptr, OneShotPath::one_by_one)(run.support, run.query);
      CHECK(together == alone);
      CHECK(together.size() == 20);
    }
  }
}
