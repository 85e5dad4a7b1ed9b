// recipe.hpp: the settings a learner is trained with: those measured to be good here, and those of
// its paper. Plain values, so that a program can show, change and store each of them.
#pragma once

#include <string>
#include <vector>

#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"

namespace metatape::metalearn {

struct FewShotRecipe {
  std::string learner = "prototypical";
  // the episodes of training
  int way = 20, shot = 1, query = 5;
  double within = 0.5;  ///< share of episodes from one alphabet
  tasks::Rotations rotations = tasks::Rotations::drawn;
  bool augment = true;          ///< a small affine map an image
  bool augment_classes = true;  ///< and one a class or episode
  bool centre = true;           ///< always, at evaluation too
  // the network
  std::string network = "conv5-map";  ///< conv4, conv4-stride, conv5-map
  int filters = 64;
  // the loss
  Pairing pairing = Pairing::all;
  double scale = 0.25;  ///< of squared distances or cosines
  StatisticsFrom statistics = StatisticsFrom::running;
  // the steps
  double learning_rate = 1e-3;  ///< of Adam
  std::string schedule =
      "cosine";        ///< over the run, to 1 % of the rate; or "halved": every 2,000 episodes
  int meta_batch = 1;  ///< episodes a step
};

/// Names of learners that are trained, of recipes, of networks.
const std::vector<std::string>& learner_names();
const std::vector<std::string>& recipe_names();
const std::vector<std::string>& network_names();

/// "measured": a net that keeps its 7x7 map, all pairs, ink centred, affine augmentation; "paper":
/// Snell et al. (2017) or Vinyals et al. (2016) as published. Throws DataError, naming the nearest.
FewShotRecipe recipe(const std::string& learner, const std::string& name = "measured");

/// The learner of a recipe, for images of this size.
AnyLearner make_learner(const FewShotRecipe& recipe, int size, int channels);
/// The training episodes of a recipe.
tasks::EpisodeOptions training_episodes(const FewShotRecipe& recipe, int size);
/// The factor on its rate over a run of so many steps.
Schedule make_schedule(const FewShotRecipe& recipe, std::int64_t steps);

}  // namespace metatape::metalearn
