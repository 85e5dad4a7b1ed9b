// recipe.hpp: the settings a learner is trained with: those measured to be good here, and those of
// its paper. Plain values, so that a program can show, change and store each of them.
#pragma once

#include <string>
#include <vector>

#include "metatape/metalearn/fewshot/adaptation.hpp"
#include "metatape/metalearn/fewshot/metric.hpp"
#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"
#include "metatape/metalearn/unroll/order.hpp"

namespace metatape::metalearn {

struct FewShotRecipe {
  std::string learner = "prototypical";
  // the episodes of training
  int way = 20, shot = 1, query = 5;  ///< 0: those of use, as many queries as shots: fit_use()
  bool vary_shot = false;             ///< 1 to `shot`, anew in each episode
  double within = 0.5;                ///< share of episodes from one alphabet
  tasks::Rotations rotations = tasks::Rotations::drawn;
  bool augment = true;          ///< a small affine map an image
  bool augment_classes = true;  ///< and one a class or episode
  bool centre = true;           ///< always, at evaluation too
  // the network
  std::string network = "conv5-map";  ///< of network_names()
  int filters = 64;
  // the loss
  Pairing pairing = Pairing::all;
  double scale = 0.25;  ///< of squared distances or cosines; finetune: of its new head
  StatisticsFrom statistics = StatisticsFrom::running;
  bool fce = false;  ///< matching: full context embeddings
  // adaptation to an episode, of learners that take steps
  Order order = Order::exact;
  int inner_steps = 1, test_steps = 3;  ///< of training, and of use
  double inner_rate = 0.4;              ///< lstm: where its input gates begin
  int inner_batch = 0, test_batch = 0;  ///< support images a step; 0: all (maml knows no other)
  Adapts adapts = Adapts::all;
  bool learned_rates = false;  ///< maml
  double proximal = 0;         ///< maml: above 0, implicit
  int solver_steps = 5;        ///< of implicit maml
  // the steps
  double learning_rate = 1e-3;      ///< of Adam; of plain gradient descent for reptile, its ε
  std::string schedule = "cosine";  ///< of schedule_names()
  int meta_batch = 1;               ///< episodes a step
  double clip = 0;                  ///< of the gradient's norm; 0: not
};

/// Names of learners that are trained, of recipes, of networks; of schedules: "cosine" over the run
/// to 1 % of the rate, "linear" over it to 0, "halved" every 2,000 steps, "constant".
const std::vector<std::string>& learner_names();
const std::vector<std::string>& recipe_names();
const std::vector<std::string>& network_names();
const std::vector<std::string>& schedule_names();

/// "measured": what was found to be good on Omniglot's background alphabets, ink centred and images
/// distorted; "paper": the learner's published settings. Throws DataError, naming the nearest.
FewShotRecipe recipe(const std::string& learner, const std::string& name = "measured");

/// Puts the ways and shots of use where a recipe has 0: learners whose network has a head, and
/// whose steps on a support set are what is learned, are trained as they are used.
void fit_use(FewShotRecipe& recipe, int way, int shot);

/// What the images of training are like.
struct ImageKind {
  int size = 28;  ///< pixels a side, as the network sees them
  int channels = 1;
  int classes = 0;  ///< of the whole set that episodes are drawn from; finetune needs it
};
/// The learner of a recipe.
AnyLearner make_learner(const FewShotRecipe& recipe, const ImageKind& images);
/// What steps its weights.
AnyOptimizer outer_optimizer(const FewShotRecipe& recipe);
/// The training episodes of a recipe.
tasks::EpisodeOptions training_episodes(const FewShotRecipe& recipe, int size);
/// The factor on its rate over a run of so many steps.
Schedule make_schedule(const FewShotRecipe& recipe, std::int64_t steps);

}  // namespace metatape::metalearn
