#include "metatape/metalearn/fewshot/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/fewshot/finetune.hpp"
#include "metatape/metalearn/fewshot/lstm_learner.hpp"
#include "metatape/metalearn/fewshot/maml.hpp"
#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/metalearn/fewshot/reptile.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

void require_known(const char* what, const std::string& name,
                   const std::vector<std::string>& known) {
  if (std::ranges::find(known, name) == known.end())
    throw DataError(std::string("unknown ") + what + " '" + name + "'" +
                    tasks::did_you_mean(name, known));
}

nn::ConvNet make_network(const FewShotRecipe& r, const ImageKind& images, int classes) {
  require_known("network", r.network, network_names());
  const nn::ConvNet sizes{
      .size = images.size, .channels = images.channels, .filters = r.filters, .classes = classes};
  if (r.network == "conv4") return nn::conv4(sizes);
  if (r.network == "conv5-map") return nn::conv5_map(sizes);
  nn::ConvNet strided = nn::conv4_stride(sizes);
  if (r.network == "conv4-stride-map") strided.head = nn::ConvHead::flatten;
  return strided;
}

// The rule whose input gates begin around a rate.
MetaLstm gates_near(double rate) {
  if (!(rate > 0 && rate < 1))
    throw DataError(
        fmt::format("inner rate {}: the lstm learner's is a gate's, above 0 and below 1", rate));
  const double middle = std::log(rate / (1 - rate));
  return {.input_low = middle - 0.5, .input_high = middle + 0.5};
}

// ---- what each paper published; way and shot are the user's where a network has a head

void as_published(FewShotRecipe& r) {
  r.within = 0;
  r.augment = r.augment_classes = r.centre = false;
  r.schedule = "constant";
  r.pairing = Pairing::episode;
  r.network = "conv4";
  r.filters = 64;
  r.rotations = tasks::Rotations::classes;
  if (r.learner == "prototypical" || r.learner == "matching") {
    r.schedule = "halved";
    r.scale = 1;
    r.way = r.learner == "prototypical" ? 60 : 20;
  } else if (r.learner == "maml" || r.learner == "fomaml") {
    // The published code's rates, 0.4 of 5 ways and 0.1 of 20, are of the sum over classes.
    r.rotations = tasks::Rotations::drawn;
    r.network = "conv4-stride";
    r.shot = r.query = 0;
    r.vary_shot = false;
    r.inner_rate = 2;
    r.adapts = Adapts::not_norm;
    r.statistics = StatisticsFrom::batch;
    r.learning_rate = 1e-3;
    r.meta_batch = 32;
  } else if (r.learner == "reptile") {
    r.schedule = "linear";
    r.network = "conv4-stride-map";
  } else if (r.learner == "lstm") {
    r.filters = 32;
    r.learning_rate = 1e-3;
    r.inner_steps = r.test_steps = 12;  // of one shot; five shots: 5
    r.inner_rate = 0.011;               // the middle of b_i's -5 to -4
  } else {
    r.query = 1;
    r.rotations = tasks::Rotations::none;
  }
}

}  // namespace

const std::vector<std::string>& learner_names() {
  static const std::vector<std::string> names{"prototypical", "matching", "maml",    "fomaml",
                                              "reptile",      "lstm",     "finetune"};
  return names;
}

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names{"measured", "paper"};
  return names;
}

const std::vector<std::string>& network_names() {
  static const std::vector<std::string> names{"conv4", "conv4-stride", "conv4-stride-map",
                                              "conv5-map"};
  return names;
}

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"cosine", "linear", "halved", "constant"};
  return names;
}

FewShotRecipe recipe(const std::string& learner, const std::string& name) {
  require_known("learner", learner, learner_names());
  require_known("recipe", name, recipe_names());
  FewShotRecipe r{.learner = learner};
  if (learner == "matching") r.scale = 10;
  if (learner == "maml" || learner == "fomaml") {
    r.way = 0;
    r.shot = 5;
    r.vary_shot = true;
    r.order = learner == "maml" ? Order::exact : Order::first;
    r.query = 5;
    r.network = "conv4-stride-map";
    r.statistics = StatisticsFrom::support;
    r.learning_rate = 3e-3;
    r.meta_batch = 4;
  } else if (learner == "reptile") {
    r.way = 0;
    r.shot = 10;
    r.query = 1;
    r.network = "conv4-stride-map";
    r.statistics = StatisticsFrom::support;
    r.inner_batch = 10;
    r.inner_steps = 5;
    r.test_batch = 5;
    r.test_steps = 50;
    r.inner_rate = 1e-3;
    r.learning_rate = 1;
    r.schedule = "linear";
    r.meta_batch = 5;
  } else if (learner == "lstm") {
    r.way = r.shot = 0;
    r.query = 15;
    r.network = "conv4-stride-map";
    r.filters = 32;
    r.statistics = StatisticsFrom::support;
    r.inner_steps = r.test_steps = 5;
    r.inner_rate = 0.3;
    r.learning_rate = 3e-3;
    r.clip = 0.25;
  } else if (learner == "finetune") {
    r.way = 64;
    r.query = 1;
    r.network = "conv4";
    r.scale = Finetune{}.scale;
    r.rotations = tasks::Rotations::classes;
    r.within = 0;
    r.test_steps = 15;
    r.inner_rate = 0.01;
  }
  if (name == "paper") as_published(r);
  return r;
}

void fit_use(FewShotRecipe& r, int way, int shot) {
  if (r.way == 0) r.way = way;
  if (r.shot == 0) r.shot = shot;
  if (r.query == 0) r.query = r.shot;
}

AnyLearner make_learner(const FewShotRecipe& r, const ImageKind& images) {
  require_known("learner", r.learner, learner_names());
  if (r.learner == "maml" || r.learner == "fomaml")
    return Maml{.network = make_network(r, images, r.way),
                .order = r.order,
                .steps = r.inner_steps,
                .test_steps = r.test_steps,
                .rate = r.inner_rate,
                .adapts = r.adapts,
                .statistics = r.statistics,
                .learned_rates = r.learned_rates,
                .proximal = r.proximal,
                .solver_steps = r.solver_steps};
  if (r.learner == "reptile")
    return Reptile{.network = make_network(r, images, r.way),
                   .steps = r.inner_steps,
                   .batch = r.inner_batch,
                   .test_steps = r.test_steps,
                   .test_batch = r.test_batch,
                   .rate = r.inner_rate,
                   .statistics = r.statistics};
  if (r.learner == "lstm")
    return LstmLearner{.network = make_network(r, images, r.way),
                       .optimizer = gates_near(r.inner_rate),
                       .steps = r.inner_steps,
                       .test_steps = r.test_steps,
                       .batch = r.inner_batch,
                       .statistics = r.statistics};
  const nn::ConvNet encoder = make_network(r, images, 0);
  if (r.learner == "finetune")
    return Finetune{.network = encoder,
                    .classes = images.classes,
                    .turns = r.rotations != tasks::Rotations::none,
                    .scale = r.scale,
                    .steps = r.test_steps,
                    .rate = r.inner_rate,
                    .adapts = r.adapts,
                    .statistics = r.statistics};
  if (r.learner == "matching")
    return Matching{.network = encoder,
                    .statistics = r.statistics,
                    .pairing = r.pairing,
                    .scale = r.scale,
                    .fce = r.fce};
  return Prototypical{
      .network = encoder, .statistics = r.statistics, .pairing = r.pairing, .scale = r.scale};
}

AnyOptimizer outer_optimizer(const FewShotRecipe& r) {
  if (r.learner == "reptile") return Sgd{.learning_rate = r.learning_rate};
  return Adam{.learning_rate = r.learning_rate};
}

tasks::EpisodeOptions training_episodes(const FewShotRecipe& r, int size) {
  return {.way = r.way,
          .shot = r.shot,
          .query = r.query,
          .within = r.within,
          .rotations = r.rotations,
          .augment = r.augment,
          .augment_classes = r.augment_classes,
          .centre = r.centre,
          .size = size};
}

Schedule make_schedule(const FewShotRecipe& r, std::int64_t steps) {
  require_known("schedule", r.schedule, schedule_names());
  if (r.schedule == "halved") return step_decay(2000);
  if (r.schedule == "constant") return {};
  if (r.schedule == "linear") return linear(std::max<std::int64_t>(1, steps));
  return cosine(std::max<std::int64_t>(1, steps), 0.01);
}

}  // namespace metatape::metalearn
