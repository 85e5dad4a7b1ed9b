// Learners learn, on alphabets they never saw; training is the same on any threads; memory is flat.
#include <fstream>
#include <string>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/metalearn/fewshot/recipe.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

FewShotRecipe small(const std::string& learner) {
  FewShotRecipe r = recipe(learner);
  r.way = 10;
  r.filters = 16;
  return r;
}

std::shared_ptr<const tasks::EpisodeSampler> sampler(const tasks::Split& split,
                                                     const tasks::EpisodeOptions& options) {
  return std::make_shared<const tasks::EpisodeSampler>(split, options, Key{1});
}

TrainerOptions steps(const FewShotRecipe& r, std::int64_t episodes) {
  return {.optimizer = Adam{.learning_rate = r.learning_rate},
          .schedule = make_schedule(r, episodes)};
}

}  // namespace

TEST_CASE("learners beat centred pixels on alphabets they never saw", "[fewshot][long]") {
  Threads threads(2);
  const auto test =
      sampler(worlds::alphabets().test, {.way = 5, .shot = 1, .query = 5, .centre = true});
  const double pixels =
      evaluate(pixel_answers(*test, true, &threads), *test, 100, {.threads = &threads}).accuracy;
  for (const char* name : {"prototypical", "matching"}) {
    const FewShotRecipe r = small(name);
    const AnyLearner learner = make_learner(r, {});
    const Trained t = train(learner, sampler(worlds::alphabets().train, training_episodes(r, 28)),
                            {.episodes = 60, .trainer = steps(r, 60), .threads = &threads});
    const Evaluation e = evaluate(learner, t, test, 100, {.threads = &threads});
    INFO(name << ": " << e.accuracy << ", centred pixels " << pixels);
    CHECK(e.accuracy > pixels + 0.05);
    CHECK(e.ci95 > 0);
    CHECK(e.accuracies.size() == 100);
  }
}

TEST_CASE("trained weights have the same bits on 1, 2 and 3 threads", "[fewshot]") {
  const FewShotRecipe r = small("prototypical");
  const AnyLearner learner = make_learner(r, {});
  const auto episodes = sampler(worlds::alphabets().train, training_episodes(r, 28));
  Params first;
  for (const int n : {1, 2, 3}) {
    Threads threads(n);
    const Trained t =
        train(learner, episodes, {.episodes = 4, .trainer = steps(r, 4), .threads = &threads});
    if (n == 1) first = t.phi;
    CHECK(identical(t.phi, first));
  }
}

TEST_CASE("embedding each image once gives the answers of each episode on its own", "[fewshot]") {
  const FewShotRecipe r = small("prototypical");
  const AnyLearner learner = make_learner(r, {});
  const Trained t = train(learner, sampler(worlds::alphabets().train, training_episodes(r, 28)),
                          {.episodes = 3, .trainer = steps(r, 3)});
  const auto test =
      sampler(worlds::alphabets().test, {.way = 5, .shot = 2, .query = 3, .centre = true});
  const Answers once = learner_answers(learner, t, test, nullptr);
  Tape tape(Recording::off);
  for (const std::uint64_t index : {0ULL, 7ULL}) {
    const tasks::Episode e = test->episode(index);
    const Tensor p = learner.adapt(tape, t.phi, t.carry, e.support, e.support_labels, 5)(e.query);
    const std::vector<int> answers = once(e.plan, 0).labels;
    for (std::int64_t i = 0; i < p.shape()[0]; ++i)
      for (int k = 0; k < 5; ++k)
        CHECK(p.at(i * 5 + k) <= p.at(i * 5 + answers[static_cast<std::size_t>(i)]));
  }
}

TEST_CASE("permuting an episode's classes permutes the answers", "[fewshot]") {
  const auto test = sampler(worlds::alphabets().test, {.way = 3, .shot = 1, .query = 2});
  const tasks::Episode e = test->episode(3);
  Prototypical learner;
  learner.network = nn::conv4({.filters = 4});
  learner.statistics = StatisticsFrom::support;
  const Params phi = learner.init(Key{1});
  Tape tape(Recording::off);
  const Tensor p = learner.adapt(tape, phi, {}, e.support, Indices({0, 1, 2}), 3)(e.query);
  const Tensor q = learner.adapt(tape, phi, {}, e.support, Indices({2, 0, 1}), 3)(e.query);
  for (std::int64_t i = 0; i < 6; ++i)
    for (int k = 0; k < 3; ++k)
      CHECK(q.at(i * 3 + (k + 2) % 3) == Approx(p.at(i * 3 + k)).epsilon(1e-5));
}

TEST_CASE("intervals are over episodes", "[fewshot]") {
  const Evaluation e = summarise({0.5, 0.7, 0.9, 0.7});
  CHECK(e.accuracy == Approx(0.7));
  CHECK(e.ci95 == Approx(1.96 * std::sqrt(0.08 / 3 / 4)));
  CHECK(std::isnan(summarise({1.0}).ci95));
}

TEST_CASE("the tape's memory is flat over episodes", "[fewshot]") {
  const FewShotRecipe r = small("prototypical");
  const AnyLearner learner = make_learner(r, {});
  Trainer t(
      episode_objective(learner, sampler(worlds::alphabets().train, training_episodes(r, 28))),
      learner.init(Key{1}), steps(r, 100), Key{1});
  run(t, {.steps = 2});
  const std::size_t peak = t.peak_tape_bytes();
  run(t, {.steps = 12});
  CHECK(t.peak_tape_bytes() == peak);
}

TEST_CASE("recipes are known by name", "[fewshot]") {
  CHECK(recipe("prototypical").pairing == Pairing::all);
  CHECK(recipe("prototypical", "paper").way == 60);
  CHECK(recipe("matching", "paper").scale == 1);
  REQUIRE_THROWS_WITH(recipe("protypical"),
                      "unknown learner 'protypical'; did you mean 'prototypical'?");
  REQUIRE_THROWS_WITH(recipe("matching", "papr"), "unknown recipe 'papr'; did you mean 'paper'?");
}
