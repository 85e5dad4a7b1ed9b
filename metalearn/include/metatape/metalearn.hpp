// metalearn.hpp: what learns: optimizers, few-shot learners, the training loop.
#pragma once

#include "metatape/metalearn/fewshot/evaluate.hpp"
#include "metatape/metalearn/fewshot/learner.hpp"
#include "metatape/metalearn/fewshot/matching.hpp"
#include "metatape/metalearn/fewshot/metric.hpp"
#include "metatape/metalearn/fewshot/prototypical.hpp"
#include "metatape/metalearn/fewshot/recipe.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/metalearn/optimizers/clip.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"
#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"
#include "metatape/metalearn/optimizers/trial.hpp"
#include "metatape/metalearn/optimizers/tune.hpp"
#include "metatape/metalearn/training/meta_objective.hpp"
#include "metatape/metalearn/training/trainer.hpp"
