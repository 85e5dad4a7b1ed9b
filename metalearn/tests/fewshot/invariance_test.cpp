// What must not change a learner's answers, at the sizes that are really used: how many queries are
// asked at once, how the episode's classes are numbered, the number of threads, a break.
#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/metalearn/fewshot/recipe.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

std::shared_ptr<const tasks::EpisodeSampler> sampler(tasks::EpisodeOptions options) {
  return std::make_shared<const tasks::EpisodeSampler>(worlds::alphabets().train, options, Key{1});
}

struct Named {
  std::string name;
  AnyLearner learner;
};

// Both metric learners, both nets, each way to normalise that looks at no other query.
std::vector<Named> inductive() {
  std::vector<Named> all;
  for (const StatisticsFrom from : {StatisticsFrom::support, StatisticsFrom::running})
    for (const bool map : {true, false}) {
      const nn::ConvNet network = map ? nn::conv5_map({}) : nn::conv4({});
      const std::string kind = std::string(map ? ", conv5_map, " : ", conv4, ") +
                               (from == StatisticsFrom::support ? "support" : "running");
      all.push_back({"prototypical" + kind, Prototypical{.network = network, .statistics = from}});
      all.push_back({"matching" + kind, Matching{.network = network, .statistics = from}});
    }
  return all;
}

// Running statistics of one episode.
Params carry_of(const AnyLearner& learner, const Params& phi, const tasks::Episode& episode) {
  Tape tape;
  return learner.objective(tape, phi, {}, episode, Key{1}).carry;
}

Tensor reordered(const Tensor& x, const std::vector<std::int64_t>& order) {
  Tape tape(Recording::off);
  std::vector<Var> rows;
  for (const std::int64_t i : order) rows.push_back(tape.constant(x.rows(i, i + 1)));
  return concat(rows).value();
}

}  // namespace

TEST_CASE("queries have the same bits asked one by one, in twos and all together", "[fewshot]") {
  const auto world = sampler({.way = 5, .shot = 2, .query = 3});
  const tasks::Episode e = world->episode(5);
  for (const Named& n : inductive()) {
    INFO(n.name);
    CHECK_FALSE(n.learner.transductive());
    const Params phi = n.learner.init(Key{3}), carry = carry_of(n.learner, phi, e);
    Tape tape(Recording::off);
    const Classifier classify = n.learner.adapt(tape, phi, carry, e.support, e.support_labels, 5);
    const Tensor together = classify(e.query);
    for (const std::int64_t at_once : {1, 2})
      for (std::int64_t i = 0; i + at_once <= e.query.shape()[0]; i += at_once)
        CHECK(identical(classify(e.query.rows(i, i + at_once)), together.rows(i, i + at_once)));
  }
}

TEST_CASE("renumbering an episode's classes renumbers the answers", "[fewshot]") {
  const auto world = sampler({.way = 4, .shot = 2, .query = 2});
  const tasks::Episode e = world->episode(3);
  const std::vector<int> to{2, 0, 3, 1};
  std::vector<std::int32_t> renamed;
  for (const std::int32_t label : e.support_labels.values())
    renamed.push_back(to[static_cast<std::size_t>(label)]);
  for (const Named& n : inductive()) {
    INFO(n.name);
    const Params phi = n.learner.init(Key{3}), carry = carry_of(n.learner, phi, e);
    Tape tape(Recording::off);
    const Tensor p = n.learner.adapt(tape, phi, carry, e.support, e.support_labels, 4)(e.query);
    const Tensor q = n.learner.adapt(tape, phi, carry, e.support,
                                     Indices(e.support_labels.shape(), renamed), 4)(e.query);
    for (std::int64_t i = 0; i < p.shape()[0]; ++i)
      for (std::size_t k = 0; k < 4; ++k)
        CHECK(q.at(i * 4 + to[k]) ==
              Approx(p.at(i * 4 + static_cast<std::int64_t>(k))).margin(2e-5));
  }
}

TEST_CASE("the support set may come in any order", "[fewshot]") {
  const auto world = sampler({.way = 3, .shot = 2, .query = 2});
  const tasks::Episode e = world->episode(3);
  const std::vector<std::int64_t> order{4, 1, 5, 0, 2, 3};
  std::vector<std::int32_t> labels;
  for (const std::int64_t i : order)
    labels.push_back(e.support_labels.values()[static_cast<std::size_t>(i)]);
  for (const Named& n : inductive()) {
    INFO(n.name);
    const Params phi = n.learner.init(Key{3}), carry = carry_of(n.learner, phi, e);
    Tape tape(Recording::off);
    const Tensor p = n.learner.adapt(tape, phi, carry, e.support, e.support_labels, 3)(e.query);
    const Tensor q = n.learner.adapt(tape, phi, carry, reordered(e.support, order),
                                     Indices(e.support_labels.shape(), labels), 3)(e.query);
    for (std::int64_t i = 0; i < p.size(); ++i) CHECK(q.at(i) == Approx(p.at(i)).margin(2e-5));
  }
}

TEST_CASE("each learner's training is the same on 1, 2 and 3 threads, and through a break",
          "[fewshot]") {
  for (const std::string& name : learner_names()) {
    INFO(name);
    FewShotRecipe r = recipe(name);
    r.way = 4;
    fit_use(r, 4, 1);
    r.filters = 8;
    r.learned_rates = name == "maml";
    const AnyLearner learner = make_learner(
        r, {.classes = static_cast<int>(worlds::alphabets().all.set->classes().size())});
    const MetaObjective objective = episode_objective(learner, sampler(training_episodes(r, 28)));
    const auto trainer = [&](Threads* threads) {
      return Trainer(objective, learner.init(Key{2}),
                     {.optimizer = outer_optimizer(r), .schedule = make_schedule(r, 6), .batch = 3},
                     Key{1}, threads);
    };
    Trainer whole = trainer(nullptr);
    run(whole, {.steps = 6});
    const std::string bytes = nn::to_safetensors(whole.checkpoint());
    for (const int count : {1, 2, 3}) {
      Threads threads(count);
      Trainer before = trainer(&threads);
      run(before, {.steps = count});  // broken off after 1, 2 and 3 steps
      const nn::Checkpoint saved = nn::from_safetensors(nn::to_safetensors(before.checkpoint()));
      Trainer after = trainer(&threads);
      after.restore(saved, "saved");
      run(after, {.steps = 6});
      CHECK(nn::to_safetensors(after.checkpoint()) == bytes);
      run(before, {.steps = 6});  // the first went on meanwhile
      CHECK(nn::to_safetensors(before.checkpoint()) == bytes);
    }
  }
}
