// Learners that take gradient steps on an episode: their gradients, what they learn, what must not
// change their answers.
#include <cmath>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/fewshot/finetune.hpp"
#include "metatape/metalearn/fewshot/maml.hpp"
#include "metatape/metalearn/fewshot/recipe.hpp"
#include "metatape/metalearn/fewshot/reptile.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "worlds.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// A stride-2 net that is small enough to be looked at coordinate by coordinate.
nn::ConvNet small_network() {
  return nn::conv4_stride({.size = 8, .filters = 4, .blocks = 2, .classes = 3});
}

tasks::Episode small_episode(DType dtype = DType::f64) {
  tasks::Episode e = worlds::tiny({.way = 3, .shot = 2, .query = 2})->episode(4);
  for (Tensor* t : {&e.images, &e.support, &e.query}) *t = t->to(dtype);
  return e;
}

std::shared_ptr<const tasks::EpisodeSampler> sampler(const tasks::Split& split,
                                                     const tasks::EpisodeOptions& options) {
  return std::make_shared<const tasks::EpisodeSampler>(split, options, Key{1});
}

int classes() { return static_cast<int>(worlds::alphabets().all.set->classes().size()); }

struct Trial {
  AnyLearner learner;
  Trained trained;
};

// A learner of 3 ways, trained on a few hundred generated episodes.
Trial trained_small(const std::string& name, Threads& threads, std::int64_t episodes) {
  FewShotRecipe r = recipe(name);
  fit_use(r, 3, 1);
  r.filters = 16;
  r.learning_rate *= name == "reptile" ? 1 : 3;
  r.inner_rate *= name == "reptile" ? 3 : 1;
  r.way = name == "finetune" ? 32 : 3;
  r.meta_batch = std::min(r.meta_batch, 4);
  r.network = "conv4-stride-map";  // a quarter of the work of one that pools
  const AnyLearner learner = make_learner(r, {.classes = classes()});
  return {learner, train(learner, sampler(worlds::alphabets().train, training_episodes(r, 28)),
                         {.episodes = episodes,
                          .trainer = {.optimizer = outer_optimizer(r),
                                      .schedule = make_schedule(r, episodes / r.meta_batch),
                                      .batch = r.meta_batch},
                          .threads = &threads})};
}

}  // namespace

TEST_CASE("exact MAML's gradient is that of central differences", "[fewshot][maml]") {
  const tasks::Episode e = small_episode();
  for (const StatisticsFrom from : {StatisticsFrom::batch, StatisticsFrom::support})
    for (const Adapts which : {Adapts::all, Adapts::not_norm, Adapts::head}) {
      const Maml maml{.network = small_network(),
                      .steps = 2,
                      .rate = 0.4,
                      .adapts = which,
                      .statistics = from,
                      .learned_rates = which == Adapts::all};
      const Params phi = maml.init(Key{3}).to(DType::f64);
      Tape tape;
      const auto loss = [&](const Params& at) {
        return maml.objective(tape, at, {}, e, Key{}).loss;
      };
      const Params gradient = maml.objective(tape, phi, {}, e, Key{}).gradient;
      Params direction = phi.zeros_like();
      direction.flat() = normal({phi.size()}, Key{7}, DType::f64);
      direction.scale(1 / direction.norm());
      constexpr double step = 1e-6;
      Params up = phi, down = phi;
      up.add_scaled(step, direction);
      down.add_scaled(-step, direction);
      const double numeric = (loss(up) - loss(down)) / (2 * step);
      CHECK(std::abs(gradient.dot(direction) - numeric) < 1e-6 * std::max(1.0, std::abs(numeric)));
    }
}

TEST_CASE("without inner steps gradient learners train as any network", "[fewshot][maml]") {
  const tasks::Episode e = small_episode(DType::f32);
  const nn::ConvNet network = small_network();
  const Params phi = network.init(Key{3});
  Tape tape;
  const Bound p = bind(tape, phi);
  const Var loss =
      softmax_cross_entropy(network(p, tape.constant(e.query), {.training = true}), e.query_labels);
  const Params plain = grad(loss, p);
  for (const Order order : {Order::first, Order::exact}) {
    const Maml maml{
        .network = network, .order = order, .steps = 0, .statistics = StatisticsFrom::batch};
    Tape own;
    const MetaStep step = maml.objective(own, phi, {}, e, Key{});
    CHECK(identical(step.gradient, plain));
    CHECK(step.loss == loss.item());
  }
  Tape own;
  const Reptile reptile{.network = network, .steps = 0, .statistics = StatisticsFrom::batch};
  const MetaStep step = reptile.objective(own, phi, {}, e, Key{});
  CHECK(step.loss == loss.item());
  CHECK(step.gradient.norm() == 0);
}

TEST_CASE("Reptile moves towards where its steps of Adam end", "[fewshot]") {
  // One step of Adam with beta1 = 0 from fresh moments moves each weight by the rate, against its
  // gradient's sign; the second moments live on in the carry.
  const tasks::Episode e = small_episode(DType::f32);
  const Reptile reptile{.network = small_network(), .steps = 1, .batch = 0, .rate = 0.01};
  const Params phi = reptile.init(Key{3});
  Tape tape;
  const Bound p = bind(tape, phi);
  const Params g =
      grad(classification_loss(reptile.network, p, tape.constant(e.support), e.support_labels), p);
  Tape own;
  const MetaStep step = reptile.objective(own, phi, {}, e, Key{});
  for (std::int64_t i = 0; i < phi.size(); ++i)
    if (std::abs(g.flat().at(i)) > 1e-4)
      CHECK(step.gradient.flat().at(i) == Approx(g.flat().at(i) > 0 ? 0.01 : -0.01).epsilon(1e-3));
  CHECK(step.carry["steps"].at(0) == 1);
  const MetaStep next = reptile.objective(own, phi, step.carry, e, Key{});
  CHECK(next.carry["steps"].at(0) == 2);
  const Tensor before = step.carry["adam.square"], after = next.carry["adam.square"];
  for (std::int64_t i = 0; i < before.size(); i += 7)
    CHECK(after.at(i) == Approx(1.999 * before.at(i)).epsilon(1e-3));
}

TEST_CASE("a fine-tuned head starts as the nearest class mean", "[fewshot]") {
  const tasks::Episode e = small_episode(DType::f32);
  nn::ConvNet encoder = small_network();
  encoder.classes = 0;
  const Finetune learner{.network = encoder,
                         .classes = 40,
                         .scale = 0.5,
                         .steps = 0,
                         .statistics = StatisticsFrom::support};
  const Params phi = learner.init(Key{3});
  Tape tape(Recording::off);
  const Tensor p = learner.adapt(tape, phi, {}, e.support, e.support_labels, 3)(e.query);
  const Bound b = bind_constant(tape, phi);
  const nn::Applied support = nn::apply(encoder, b, tape.constant(e.support));
  const Var query = encoder(b, tape.constant(e.query), {.statistics = &support.statistics});
  std::vector<Var> means;
  for (std::int64_t c = 0; c < 3; ++c)
    means.push_back(mean(rows(support.value, 2 * c, 2 * c + 2), {0}));
  for (std::int64_t i = 0; i < 6; ++i) {
    std::vector<double> scores;
    double total = 0;
    for (const Var& m : means) {
      scores.push_back(
          std::exp(-0.5 * sum(square(reshape(rows(query, i, i + 1), m.shape()) - m)).item()));
      total += scores.back();
    }
    for (std::int64_t c = 0; c < 3; ++c)
      CHECK(p.at(3 * i + c) == Approx(scores[static_cast<std::size_t>(c)] / total).margin(1e-5));
  }
}

TEST_CASE("queries are classified alike one by one and all together", "[fewshot]") {
  const auto world = sampler(worlds::alphabets().train, {.way = 5, .shot = 2, .query = 3});
  const tasks::Episode e = world->episode(5);
  for (const char* name : {"maml", "fomaml", "reptile", "lstm", "finetune"}) {
    INFO(name);
    FewShotRecipe r = recipe(name);
    fit_use(r, 5, 2);
    r.filters = 16;
    const AnyLearner learner = make_learner(r, {.classes = classes()});
    CHECK_FALSE(learner.transductive());
    const Params phi = learner.init(Key{3});
    Tape tape, off(Recording::off);
    const Params carry = learner.objective(tape, phi, {}, e, Key{1}).carry;
    const Classifier classify = learner.adapt(off, phi, carry, e.support, e.support_labels, 5);
    const Tensor together = classify(e.query);
    for (std::int64_t i = 0; i < e.query.shape()[0]; ++i) {
      const Tensor alone = classify(e.query.rows(i, i + 1));
      for (std::int64_t k = 0; k < 5; ++k)
        CHECK(alone.at(k) == Approx(together.at(5 * i + k)).margin(1e-5));
    }
    r.statistics = StatisticsFrom::batch;
    CHECK(make_learner(r, {.classes = classes()}).transductive());
  }
}

TEST_CASE("gradient learners learn, and do not mind how classes are numbered", "[fewshot][long]") {
  Threads threads(2);
  const auto test =
      sampler(worlds::alphabets().test, {.way = 3, .shot = 1, .query = 5, .centre = true});
  const std::vector<std::pair<std::string, std::int64_t>> lengths{
      {"maml", 240}, {"fomaml", 480}, {"reptile", 240}, {"lstm", 80}, {"finetune", 300}};
  for (const auto& [name, episodes] : lengths) {
    const Trial t = trained_small(name, threads, episodes);
    const Evaluation e = evaluate(t.learner, t.trained, test, 100, {.threads = &threads});
    const Trained untrained{t.learner.init(Key{1}.split("phi")), t.trained.carry};
    const Evaluation before = evaluate(t.learner, untrained, test, 100, {.threads = &threads});
    INFO(name << ": " << e.accuracy << ", untrained " << before.accuracy);
    CHECK(e.accuracy > before.accuracy + e.ci95 + before.ci95);

    std::vector<double> differences;
    Tape tape;
    for (std::uint64_t i = 0; i < 40; ++i) {
      const tasks::Episode ep = test->episode(i);
      const auto right = [&](const Indices& support, const Indices& query) {
        const Tensor p =
            t.learner.adapt(tape, t.trained.phi, t.trained.carry, ep.support, support, 3)(ep.query);
        int n = 0;
        for (std::int64_t q = 0; q < p.shape()[0]; ++q) {
          int best = 0;
          for (int k = 1; k < 3; ++k)
            if (p.at(3 * q + k) > p.at(3 * q + best)) best = k;
          n += best == query[q];
        }
        return n / static_cast<double>(p.shape()[0]);
      };
      const auto turned = [](const Indices& labels) {
        std::vector<std::int32_t> other;
        for (const std::int32_t l : labels.values()) other.push_back((l + 1) % 3);
        return Indices(std::move(other));
      };
      differences.push_back(right(ep.support_labels, ep.query_labels) -
                            right(turned(ep.support_labels), turned(ep.query_labels)));
    }
    const Evaluation change = summarise(differences);
    INFO("renumbered: a difference of " << change.accuracy << " +- " << change.ci95);
    CHECK(std::abs(change.accuracy) <= 2 * change.ci95 + 1e-9);
  }
}

TEST_CASE("a head tells its own number of classes apart, and no other", "[fewshot]") {
  const tasks::Episode e = small_episode(DType::f32);
  Tape tape;
  nn::ConvNet five = small_network();
  five.classes = 5;
  for (const AnyLearner& learner :
       {AnyLearner(Maml{.network = five}), AnyLearner(Reptile{.network = five})}) {
    CHECK(learner.fixed_way() == 5);
    CHECK((learner.get_if<Maml>() != nullptr) == (learner.name() == "maml"));
    const Params phi = learner.init(Key{1});
    REQUIRE_THROWS_WITH(learner.objective(tape, phi, {}, e, Key{}),
                        learner.name() + ": its network tells 5 classes apart, 3 were asked for");
    REQUIRE_THROWS_WITH(learner.adapt(tape, phi, {}, e.support, e.support_labels, 3),
                        Catch::Contains("tells 5 classes apart, 3 were asked for"));
  }
  REQUIRE_THROWS_WITH((Maml{.learned_rates = true, .proximal = 1}.init(Key{})),
                      Catch::Contains("learned rates have no gradient in implicit MAML"));
  REQUIRE_THROWS_WITH((Maml{.test_steps = -1}.init(Key{})),
                      Catch::Contains("inner loop: -1 steps"));
  REQUIRE_THROWS_WITH(Finetune{}.init(Key{}), Catch::Contains("finetune: 0 classes"));
  REQUIRE_THROWS_WITH((Reptile{.statistics = StatisticsFrom::running}.init(Key{})),
                      Catch::Contains("no running statistics"));
}
