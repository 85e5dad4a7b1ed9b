#include "commands.hpp"

#include <utility>

namespace metatape::cli {

namespace {

constexpr Command table[] = {
    {"fewshot", "train", "trains a learner on episodes",
     "metatape fewshot train --minutes 10 --out runs/proto\n"
     "metatape fewshot train --data omniglot:images_background.zip --episodes 20000",
     fewshot_train},
    {"fewshot", "eval", "accuracy on held-out classes, with its interval, beside pixels",
     "metatape fewshot eval --run runs/proto --way 20 --shot 1 --episodes 1000 --json -\n"
     "metatape fewshot eval --run runs/proto --shots 1-10 --out shots\n"
     "metatape fewshot eval --learner nearest --data strokes",
     fewshot_eval},
    {"fewshot", "compare", "runs and baselines on the same episodes, pair by pair",
     "metatape fewshot compare --runs runs/proto,runs/maml --way 5 --shot 1\n"
     "metatape fewshot compare --runs runs/proto,hausdorff --data omniglot --episodes 200",
     fewshot_compare},
    {"fewshot", "oneshot", "Lake's 20 runs of 20-way one-shot classification",
     "metatape fewshot oneshot --run runs/proto --task all_runs.zip\n"
     "metatape fewshot oneshot --learner hausdorff --task all_runs.zip",
     fewshot_oneshot},
    {"fewshot", "show", "an episode as a picture, with a run's answers",
     "metatape fewshot show --way 5 --shot 1 --out episode\n"
     "metatape fewshot show --run runs/proto --episode 3 --out episode\n"
     "metatape fewshot show --run runs/proto --embeddings split --out plane",
     fewshot_show},
    {"fewshot", "classify", "your own images: a label and a probability each",
     "metatape fewshot classify --run runs/proto --support drawings --query unknown",
     fewshot_classify},
    {"fewshot", "ablate", "what a learner's start and its steps are each worth",
     "metatape fewshot ablate --run runs/lstm --steps 3,12,40 --out runs/lstm-inside",
     fewshot_ablate},
    {"optimizer", "train", "meta-trains an optimizer on a problem",
     "metatape optimizer train --optimizee quadratic --minutes 3 --out runs/quad\n"
     "metatape optimizer train --optimizee mlp:data=mnist --data mnist:folder --minutes 20",
     optimizer_train},
    {"optimizer", "eval", "optimizers on fresh instances, rivals tuned for as many steps",
     "metatape optimizer eval --run runs/quad --optimizee quadratic --steps 100\n"
     "metatape optimizer eval --optimizee rosenbrock --against sgd,momentum,adam",
     optimizer_eval},
    {"optimizer", "show", "what an optimizer does, as figures",
     "metatape optimizer show --run runs/quad --optimizee quadratic --out quad-inside",
     optimizer_show},
    {"optimizer", "tune", "the best learning rate of an optimizer, and the grid",
     "metatape optimizer tune --optimizee mlp:data=mnist --data mnist:folder --optimizer adam",
     optimizer_tune},
    {"optimizer", "list", "optimizees, optimizers and their keys", "metatape optimizer list",
     optimizer_list},
    {"reproduce", "", "an experiment of a paper, its numbers beside the paper's",
     "metatape reproduce --list\nmetatape reproduce quadratics --out runs/quadratics", reproduce},
    {"gradients", "check", "every op held against its definition: worst errors",
     "metatape gradients check\nmetatape gradients check --op matmul --json -", gradients_check},
    {"gradients", "compare", "estimators of a run's gradient: bias, noise, time, memory",
     "metatape gradients compare --optimizee quadratic --optimizer sgd --steps 50 "
     "--estimators exact,first,truncated:10,es:64,pes:64\n"
     "metatape gradients compare --optimizer adam --with-respect-to log_learning_rate,beta1,beta2",
     gradients_compare},
    {"gradients", "horizon", "length, direction and bias of the gradient by how far it looks",
     "metatape gradients horizon --optimizee quadratic --optimizer momentum --steps 1000",
     gradients_horizon},
    {"gradients", "spectrum", "how a run stretches small differences: chaos or not",
     "metatape gradients spectrum --optimizee quadratic --optimizer sgd --steps 100",
     gradients_spectrum},
    {"gradients", "landscape", "the loss of a run along a line or over a plane",
     "metatape gradients landscape --steps 100 --along learning_rate=1e-3:1:log:200\n"
     "metatape gradients landscape --optimizer momentum --along learning_rate=1e-3:0.1:log:30 "
     "--along momentum=0:0.99:30",
     gradients_landscape},
    {"data", "show", "what is in a data set: counts, sizes, a contact sheet",
     "metatape data show strokes\nmetatape data show omniglot:images_background.zip --out sheet",
     data_show},
    {"data", "check", "reads everything and names each file that is broken",
     "metatape data check folder:drawings\nmetatape data check strokes", data_check},
};

constexpr std::pair<std::string_view, const char*> summaries[] = {
    {"fewshot", "learners that need few examples"},
    {"optimizer", "update rules, on problems to be minimised"},
    {"reproduce", "experiments of papers, rerun"},
    {"gradients", "derivatives, checked and studied"},
    {"data", "what is learned on"},
};

}  // namespace

std::span<const Command> commands() { return table; }

std::string noun_summary(std::string_view noun) {
  for (const auto& [name, summary] : summaries)
    if (name == noun) return summary;
  return "";
}

}  // namespace metatape::cli
