// The LSTM meta-learner: its meta-gradient, what must not change its answers, that it learns.
#include "metatape/metalearn/fewshot/lstm_learner.hpp"

#include <cmath>
#include <sstream>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

LstmLearner small(std::int64_t classes, StatisticsFrom statistics = StatisticsFrom::support) {
  return {.network = {.size = 8, .filters = 3, .blocks = 2, .pools = 1, .classes = classes},
          .optimizer = {.hidden = 5},
          .steps = 4,
          .test_steps = 4,
          .statistics = statistics};
}

// Gates that are far from shut, so that every number of φ matters.
Params lively(const LstmLearner& learner, DType dtype) {
  Params phi = learner.init(Key{3}).to(dtype);
  Tensor& flat = phi.flat();
  const Tensor noise = normal({flat.size()}, Key{7}, dtype);
  visit(dtype, [&]<class T>(T) {
    for (const ParamEntry& e : phi.entries())
      if (e.name.starts_with("rule."))
        for (std::int64_t i = e.offset; i < e.offset + e.shape.size(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          flat.mutable_values<T>()[at] += static_cast<T>(0.3) * noise.values<T>()[at];
        }
  });
  return phi;
}

tasks::Episode in_float64(tasks::Episode e) {
  e.images = e.images.to(DType::f64);
  e.support = e.support.to(DType::f64);
  e.query = e.query.to(DType::f64);
  return e;
}

std::shared_ptr<const tasks::EpisodeSampler> drawn(const tasks::Split& split,
                                                   tasks::EpisodeOptions options) {
  return std::make_shared<const tasks::EpisodeSampler>(split, options, Key{1});
}

}  // namespace

TEST_CASE("the LSTM meta-learner's gradient is that of its run with frozen gradients",
          "[fewshot]") {
  const tasks::Episode e = in_float64(worlds::tiny({.way = 3, .shot = 1, .query = 2})->episode(0));
  for (const StatisticsFrom statistics :
       {StatisticsFrom::support, StatisticsFrom::batch, StatisticsFrom::running}) {
    const LstmLearner learner = small(3, statistics);
    const Params phi = lively(learner, DType::f64);
    Tape tape;
    std::vector<Params> gradients;
    std::vector<double> losses;
    const auto surrogate = [&](const Params& numbers) {
      const Tape::Scope scope(tape);
      const Params start = numbers.inside("start"), rule = numbers.inside("rule");
      const Bound p = bind_constant(tape, rule);
      Bound theta = bind_constant(tape, start);
      Bound state = bind_constant(tape, learner.optimizer.init(rule, start, Key{}));
      for (std::size_t t = 0; t < 4; ++t) {
        if (gradients.size() == t) {
          const Bound b = bind(tape, theta.value());
          const Var loss =
              classification_loss(learner.network, b, tape.constant(e.support), e.support_labels);
          gradients.push_back(grad(loss, b));
          losses.push_back(loss.item());
        }
        const OptimizerOutput out =
            learner.optimizer.step(p,
                                   {.theta = theta,
                                    .gradient = bind_constant(tape, gradients[t]),
                                    .loss = tape.constant(losses[t], DType::f64)},
                                   state);
        theta = theta + out.updates;
        state = out.state;
      }
      return query_pass(learner.network, statistics, theta, e, {}).loss.item();
    };
    const double value = surrogate(phi);
    const MetaStep step = learner.objective(tape, phi, {}, e, Key{1});
    CHECK(step.loss == Approx(value).epsilon(1e-12));
    CHECK(*step.gradient.layout() == *phi.layout());
    CHECK(step.carry.empty() == (statistics != StatisticsFrom::running));
    for (const char* part : {"start", "rule"}) {
      Params along(phi.layout(), normal({phi.size()}, Key{8}, DType::f64));
      for (const ParamEntry& entry : phi.entries())
        if (!entry.name.starts_with(part))
          along.set(entry.name, Tensor::zeros(entry.shape, DType::f64));
      const auto at = [&](double h) {
        Params moved = phi;
        moved.add_scaled(h, along);
        return surrogate(moved);
      };
      const double h = 1e-5, numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      INFO(part);
      CHECK(std::abs(numeric) > 1e-3);
      CHECK(step.gradient.dot(along) == Approx(numeric).epsilon(1e-7));
    }
  }
}

TEST_CASE("without steps the LSTM meta-learner is plain training of its start", "[fewshot]") {
  const tasks::Episode e = worlds::tiny({.way = 3, .shot = 1, .query = 2})->episode(0);
  LstmLearner learner = small(3);
  learner.steps = 0;
  const Params phi = learner.init(Key{3});
  Tape tape;
  const MetaStep step = learner.objective(tape, phi, {}, e, Key{1});
  tape.clear();
  const Bound p = bind(tape, phi.inside("start"));
  const QueryPass q = query_pass(learner.network, StatisticsFrom::support, p, e, {});
  CHECK(step.loss == q.loss.item());
  CHECK(identical(step.gradient.inside("start"), grad(q.loss, p)));
  CHECK(step.gradient.inside("rule").norm() == 0);
}

TEST_CASE("the LSTM meta-learner answers alike one query at a time and all together, in any order",
          "[fewshot]") {
  const auto world = drawn(worlds::alphabets().train, {.way = 4, .shot = 2, .query = 3});
  const tasks::Episode e = world->episode(5);
  for (const StatisticsFrom statistics :
       {StatisticsFrom::batch, StatisticsFrom::support, StatisticsFrom::running}) {
    const LstmLearner learner{
        .network = nn::conv4({.filters = 8, .classes = 4}), .steps = 5, .statistics = statistics};
    const Params phi = lively(learner, DType::f32);
    Tape tape;
    const Params carry = learner.objective(tape, phi, {}, world->episode(1), Key{1}).carry;
    const Classifier classify = learner.adapt(tape, phi, carry, e.support, e.support_labels, 4);
    const Tensor together = classify(e.query);
    const std::int64_t n = e.query.shape()[0];
    double apart = 0;
    for (std::int64_t i = n; i-- > 0;) {  // and last to first
      const Tensor alone = classify(e.query.rows(i, i + 1));
      for (int k = 0; k < 4; ++k)
        apart = std::max(apart, std::abs(alone.at(k) - together.at(i * 4 + k)));
    }
    if (learner.transductive())
      CHECK(apart > 1e-3);
    else
      CHECK(apart < 1e-5);
  }
}

TEST_CASE("renumbering an episode's classes renumbers the LSTM meta-learner's answers",
          "[fewshot]") {
  const auto world = drawn(worlds::alphabets().train, {.way = 4, .shot = 2, .query = 2});
  const tasks::Episode e = world->episode(3);
  const std::vector<int> to{2, 0, 3, 1};
  std::vector<std::int32_t> renamed;
  for (const std::int32_t label : e.support_labels.values())
    renamed.push_back(to[static_cast<std::size_t>(label)]);
  const LstmLearner learner{.network = nn::conv4({.filters = 8, .classes = 4}), .steps = 5};
  Params phi = lively(learner, DType::f32);
  // A start whose head knows no class from another: then nothing does.
  Tensor head = phi["start.head.weight"];
  for (std::int64_t i = 0; i < head.size(); ++i)
    head.mutable_values<float>()[static_cast<std::size_t>(i)] =
        static_cast<float>(head.at(i % head.shape()[1]));
  phi.set("start.head.weight", head);
  phi.set("start.head.bias", Tensor::zeros({4}));
  Tape tape;
  const Tensor p = learner.adapt(tape, phi, {}, e.support, e.support_labels, 4)(e.query);
  const Tensor q = learner.adapt(tape, phi, {}, e.support,
                                 Indices(e.support_labels.shape(), renamed), 4)(e.query);
  double spread = 0;
  for (std::int64_t i = 0; i < e.query.shape()[0]; ++i)
    for (std::size_t k = 0; k < 4; ++k) {
      const double was = p.at(i * 4 + static_cast<std::int64_t>(k));
      CHECK(q.at(i * 4 + to[k]) == Approx(was).margin(2e-5));
      spread = std::max(spread, std::abs(was - 0.25));
    }
  CHECK(spread > 0.003);
}

// On blank images the head's biases alone can move, and only if the classes are not equally many.
TEST_CASE("mini-batches of the support set have as many of each class as can be", "[fewshot]") {
  LstmLearner learner = small(3);
  Params phi = learner.init(Key{3});
  phi.set("start.head.weight", Tensor::zeros(phi["start.head.weight"].shape()));
  phi.set("start.head.bias", Tensor::zeros({3}));
  const Tensor support = Tensor::zeros({12, 8, 8, 1});
  const Indices labels({0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  Tape tape;
  for (const int batch : {0, 3, 6, 9, 4, 40}) {
    learner.batch = batch;
    const Tensor p = learner.adapt(tape, phi, {}, support, labels, 3)(support.rows(0, 1));
    double apart = 0;
    for (int k = 0; k < 3; ++k) apart = std::max(apart, std::abs(p.at(k) - 1.0 / 3));
    INFO("batch " << batch);
    CHECK((apart < 1e-6) == (batch != 4));
  }
  // More than there are is all of them; fewer is another run, the same each time.
  const tasks::Episode e = worlds::tiny({.way = 3, .shot = 2, .query = 2})->episode(0);
  const auto loss = [&](int batch) {
    learner.batch = batch;
    return learner.objective(tape, learner.init(Key{3}), {}, e, Key{1}).loss;
  };
  CHECK(loss(0) == loss(7));
  CHECK(loss(3) == loss(3));
  CHECK(loss(0) != loss(3));
}

TEST_CASE("the gates are known step by step and tensor by tensor", "[fewshot]") {
  const LstmLearner learner = small(3);
  const Params phi = learner.init(Key{3});
  const tasks::Episode e = worlds::tiny({.way = 3, .shot = 1, .query = 2})->episode(0);
  Tape tape;
  const auto gates = learner.gates(tape, phi, e.support, e.support_labels, 3);
  REQUIRE(gates.size() == 4);
  const Params start = phi.inside("start");
  for (const std::vector<TensorGates>& step : gates) {
    REQUIRE(step.size() == start.entries().size());
    for (std::size_t i = 0; i < step.size(); ++i) {
      CHECK(step[i].tensor == start.entries()[i].name);
      CHECK(step[i].forget > 0.97);  // first weights
      CHECK(step[i].input < 0.03);
    }
  }
}

TEST_CASE("the LSTM meta-learner's training is the same on 1, 2 and 3 threads, and through a break",
          "[fewshot]") {
  const LstmLearner learner{
      .network = nn::conv4({.filters = 4, .classes = 4}), .steps = 3, .batch = 4};
  for (const int batch : {1, 3}) {
    const MetaObjective objective = episode_objective(
        learner, drawn(worlds::alphabets().train, {.way = 4, .shot = 2, .query = 2}));
    const auto trainer = [&](Threads* threads) {
      return Trainer(objective, learner.init(Key{2}), {.batch = batch, .clip = 0.25}, Key{1},
                     threads);
    };
    Trainer whole = trainer(nullptr);
    run(whole, {.steps = 6});
    const std::string bytes = nn::to_safetensors(whole.checkpoint());
    for (const int count : {1, 2, 3}) {
      Threads threads(count);
      Trainer before = trainer(&threads);
      run(before, {.steps = count});  // broken off after 1, 2 and 3 steps
      Trainer after = trainer(&threads);
      after.restore(nn::from_safetensors(nn::to_safetensors(before.checkpoint())), "saved");
      run(after, {.steps = 6});
      CHECK(nn::to_safetensors(after.checkpoint()) == bytes);
    }
  }
}

TEST_CASE("the LSTM meta-learner's memory is flat over episodes", "[fewshot]") {
  const LstmLearner learner{.network = nn::conv4({.filters = 4, .classes = 4}), .steps = 3};
  Trainer t(episode_objective(learner,
                              drawn(worlds::alphabets().train, {.way = 4, .shot = 1, .query = 2})),
            learner.init(Key{1}), {}, Key{1});
  run(t, {.steps = 2});
  const std::size_t peak = t.peak_tape_bytes();
  CHECK(peak > 0);
  run(t, {.steps = 8});
  CHECK(t.peak_tape_bytes() == peak);
}

TEST_CASE("the LSTM meta-learner learns, on alphabets it never saw", "[fewshot][long]") {
  Threads one(1);  // holds BLAS to it
  const LstmLearner learner{.network = nn::conv4_stride({.filters = 8, .classes = 5})};
  const auto test =
      drawn(worlds::alphabets().test, {.way = 5, .shot = 1, .query = 5, .centre = true});
  const auto accuracy = [&](const Trained& trained) {
    return evaluate(learner, trained, test, 100).accuracy;
  };
  const Trained t = train(
      learner,
      drawn(
          worlds::alphabets().train,
          {.way = 5, .shot = 1, .query = 5, .rotations = tasks::Rotations::drawn, .centre = true}),
      {.episodes = 80, .trainer = {.optimizer = Adam{.learning_rate = 0.01}, .clip = 0.25}});
  const double before = accuracy({learner.init(Key{1}.split("phi")), {}}), after = accuracy(t);
  INFO(before << " before, " << after << " after");
  CHECK(before < 0.35);
  CHECK(after > before + 0.2);
}

TEST_CASE("what the LSTM meta-learner cannot do is refused", "[fewshot]") {
  LstmLearner learner = small(5);
  const Params phi = learner.init(Key{1});
  const tasks::Episode e = worlds::tiny({.way = 3, .shot = 1, .query = 2})->episode(0);
  Tape tape;
  const char* const heads = "lstm: its network tells 5 classes apart, 3 were asked for";
  REQUIRE_THROWS_WITH(learner.objective(tape, phi, {}, e, Key{}), heads);
  REQUIRE_THROWS_WITH(learner.adapt(tape, phi, {}, e.support, e.support_labels, 3), heads);
  REQUIRE_THROWS_WITH(learner.gates(tape, phi, e.support, e.support_labels, 3), heads);
  REQUIRE_THROWS_WITH(learner.adapt(tape, phi, {}, e.support, Indices({0, 1, 7}), 5),
                      "support label 7 at 2: 0 to 4 expected");
  CHECK(AnyLearner(learner).fixed_way() == 5);
  learner.steps = -1;
  REQUIRE_THROWS_WITH(learner.init(Key{}),
                      "lstm: -1 steps, 4 at test, on 0 images: none may be below 0");
}
