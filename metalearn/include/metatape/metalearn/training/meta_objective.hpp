// meta_objective.hpp: what a training loop asks of whatever is trained.
// One question: given weights φ, what is your loss, its gradient, and what do you keep for the next
// time? Episodes, windows of an unroll with any estimator of gradients, policy gradients and
// imitation all answer it, so there is one loop (trainer.hpp) and no learner writes its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape {
class Tape;
}

namespace metatape::metalearn {

/// Named numbers beside the loss, to be averaged over a batch and logged: {"accuracy", 0.93}.
using Measures = std::vector<std::pair<std::string, double>>;

/// One answer.
struct MetaStep {
  double loss = 0;
  Params gradient{};  ///< of the loss, φ's layout
  Params carry{};     ///< what lives on: a window's θ and state, running statistics; may be empty
  Measures measures{};
  std::size_t tape_bytes = 0;  ///< the most on a tape of its own, beside the one handed in
};

/// Where in the training the question is asked. All randomness comes from `key`, which depends on
/// (seed, step, slot) alone: so a batch may run on any threads, and a run go on anywhere.
struct MetaPosition {
  Key key{};
  std::int64_t step = 0;  ///< of φ, from 0
  int slot = 0;           ///< in the batch
  int batch = 1;          ///< slots of a step

  /// Position of this answer among all of the training: step · batch + slot.
  [[nodiscard]] std::uint64_t index() const {
    return static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(batch) +
           static_cast<std::uint64_t>(slot);
  }
};

struct MetaObjective {
  /// The first carry of a slot; may be left out: an empty one.
  std::function<Params(const Params& phi, Key key)> init{};
  /// The tape is empty when it comes and is rewound by the caller.
  std::function<MetaStep(Tape& tape, const Params& phi, const Params& carry,
                         const MetaPosition& position)>
      step;
};

}  // namespace metatape::metalearn
