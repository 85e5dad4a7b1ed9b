// trainer.hpp: the one training loop.
// A step asks the objective once a slot of the batch, slots in parallel on warm tapes; sums
// gradients in slot order; clips; steps φ. Everything that the next step depends on is φ, the
// optimizer's state, the carries and the number of steps done: that is a checkpoint, and a run
// stopped anywhere goes on with the same bits, on any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/metalearn/optimizers/schedule.hpp"
#include "metatape/metalearn/training/meta_objective.hpp"
#include "metatape/nn/safetensors.hpp"

namespace metatape::metalearn {

struct TrainerOptions {
  AnyOptimizer optimizer{};
  Schedule schedule{};  ///< factor on the optimizer's rate, by step
  int batch = 1;        ///< answers a step, averaged
  double clip = 0;      ///< the gradient's norm is scaled down to this; 0: not
  /// The same of each answer before the mean: where few gradients are far larger than the others,
  /// as those of long unrolls are (Metz et al. 2019), the mean is then of directions. 0: not.
  double clip_each = 0;
};

/// What one step did.
struct StepReport {
  std::int64_t step = 0;     ///< steps done, this one included
  double loss = 0;           ///< mean over the batch
  double gradient_norm = 0;  ///< of the mean before clipping, but for clip_each
  double rate_scale = 1;     ///< the schedule's factor
  Measures measures{};       ///< means over the batch
};

class Trainer {
 public:
  /// `threads` (may be null) must outlive the trainer.
  Trainer(MetaObjective objective, Params phi, TrainerOptions options, Key key,
          Threads* threads = nullptr);
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  /// One step of φ. NumericError names the step when the loss or its gradient is not finite; φ is
  /// then what it was before.
  StepReport step();

  [[nodiscard]] const Params& phi() const;
  [[nodiscard]] const std::vector<Params>& carries() const;  ///< one a slot
  [[nodiscard]] std::int64_t steps_done() const;
  [[nodiscard]] std::size_t peak_tape_bytes() const;  ///< of the largest tape

  /// Everything the next step depends on: tensors "phi.*", "optimizer.*", "carry.<slot>.*"; in the
  /// metadata "step" and the key. `metadata` (the run's own) is added.
  [[nodiscard]] nn::Checkpoint checkpoint(std::map<std::string, std::string> metadata = {}) const;
  /// The same as a file, without a copy of the tensors; tensors of the run's own, `more`, are
  /// added.
  void save(const std::filesystem::path& path, std::map<std::string, std::string> metadata = {},
            const std::vector<Params>& more = {}) const;
  /// Goes on from there. DataError names `source` and what does not fit: names, shapes, another
  /// key.
  void restore(const nn::Checkpoint& checkpoint, const std::string& source);

  /// Median seconds of `steps` steps, all of which are undone.
  double measure_seconds(int steps);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The tensors of a checkpoint below a name: "phi" gives the trained weights.
Params part_of(const nn::Checkpoint& checkpoint, std::string_view name);

struct LoopOptions {
  std::int64_t steps = 1000;        ///< done in all, those before a resume included
  double seconds = 0;               ///< stop after this much time in this call; 0: never
  std::int64_t validate_every = 0;  ///< steps, and after step 1, so that a curve begins with all to
                                    ///< learn and memory is flat from there on; 0: never
  std::int64_t validated = 0;       ///< where a run goes on, the step of its last validation: one
                                    ///< that a signal cut short is made up for
  bool validate_last = true;        ///< at the end, too, due or not
  double save_every = 60;           ///< seconds between calls of `save`

  std::function<void(const StepReport&)> report{};     ///< after each step
  std::function<void(std::int64_t steps)> validate{};  ///< after so many steps
  std::function<void()> save{};                        ///< now and then, and at the end
  std::function<bool()> stop{};                        ///< asked between steps
};

enum class LoopEnd { done, out_of_time, stopped };

/// Steps until one of the three ends.
LoopEnd run(Trainer& trainer, const LoopOptions& options);

}  // namespace metatape::metalearn
