#include "metatape/metalearn/fewshot/recipe.hpp"

#include <algorithm>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

void require_known(const char* what, const std::string& name,
                   const std::vector<std::string>& known) {
  if (std::ranges::find(known, name) == known.end())
    throw DataError(std::string("unknown ") + what + " '" + name + "'" +
                    tasks::did_you_mean(name, known));
}

nn::ConvNet make_network(const FewShotRecipe& r, int size, int channels) {
  require_known("network", r.network, network_names());
  const nn::ConvNet sizes{.size = size, .channels = channels, .filters = r.filters};
  if (r.network == "conv4") return nn::conv4(sizes);
  if (r.network == "conv4-stride") return nn::conv4_stride(sizes);
  return nn::conv5_map(sizes);
}

}  // namespace

const std::vector<std::string>& learner_names() {
  static const std::vector<std::string> names{"prototypical", "matching"};
  return names;
}

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names{"measured", "paper"};
  return names;
}

const std::vector<std::string>& network_names() {
  static const std::vector<std::string> names{"conv4", "conv4-stride", "conv5-map"};
  return names;
}

FewShotRecipe recipe(const std::string& learner, const std::string& name) {
  require_known("learner", learner, learner_names());
  require_known("recipe", name, recipe_names());
  FewShotRecipe r{.learner = learner};
  if (learner == "matching") r.scale = 10;
  if (name == "measured") return r;
  r.within = 0;
  r.rotations = tasks::Rotations::classes;
  r.augment = r.augment_classes = r.centre = false;
  r.network = "conv4";
  r.pairing = Pairing::episode;
  r.scale = 1;
  r.schedule = "halved";
  r.way = learner == "prototypical" ? 60 : 20;
  return r;
}

AnyLearner make_learner(const FewShotRecipe& r, int size, int channels) {
  require_known("learner", r.learner, learner_names());
  const nn::ConvNet network = make_network(r, size, channels);
  if (r.learner == "matching")
    return Matching{
        .network = network, .statistics = r.statistics, .pairing = r.pairing, .scale = r.scale};
  return Prototypical{
      .network = network, .statistics = r.statistics, .pairing = r.pairing, .scale = r.scale};
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
  require_known("schedule", r.schedule, {"cosine", "halved", "constant"});
  if (r.schedule == "halved") return step_decay(2000);
  if (r.schedule == "constant") return {};
  return cosine(std::max<std::int64_t>(1, steps), 0.01);
}

}  // namespace metatape::metalearn
