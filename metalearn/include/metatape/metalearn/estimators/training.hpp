// training.hpp: training by any estimator: windows of its runs as a MetaObjective of the Trainer.
#pragma once

#include "metatape/metalearn/estimators/estimator.hpp"
#include "metatape/metalearn/training/meta_objective.hpp"

namespace metatape::metalearn {

/// Each slot of the trainer's batch has a run of its own, which goes on while φ moves under it; a
/// new one is drawn when it ends. First runs are cut short, slot by slot, so that slots stand at
/// different steps of their runs and a step of φ sees early and late ones (`stagger`). A run that
/// diverges adds nothing to that step's gradient and loss, is counted and given
/// up.
/// Measures: `final` (the last window's mean loss a step), `diverged`.
MetaObjective estimator_objective(System system, AnyEstimator estimator, bool stagger = true);

}  // namespace metatape::metalearn
