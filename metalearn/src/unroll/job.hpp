// job.hpp: what the passes of an unroll share: the run forward, and what L asks of each loss.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/unroll/unroll.hpp"

namespace metatape::metalearn::detail {

struct Job {
  const tasks::OptimizeeInstance& instance;
  const AnyOptimizer& optimizer;
  const Params& phi;
  const RunState& from;
  Key key;
  const UnrollOptions& options;
  UnrollScratch& scratch;

  [[nodiscard]] std::int64_t steps() const { return options.steps; }
  [[nodiscard]] Key key_of(std::int64_t t) const {
    return key.split("step", static_cast<std::uint64_t>(from.step + t));
  }
  [[nodiscard]] std::int64_t size() const { return from.theta.size(); }
  [[nodiscard]] DType dtype() const { return from.theta.dtype(); }
  /// What is judged is another function, or taken elsewhere, than what the optimizer reads.
  [[nodiscard]] bool judged_apart() const {
    return static_cast<bool>(instance.objective) || optimizer.queries();
  }
  [[nodiscard]] bool judged_at(std::int64_t t) const { return !options.judge_end || t == steps(); }
  [[nodiscard]] Var loss(const Bound& theta, std::int64_t t) const;       ///< [functions]
  [[nodiscard]] Var objective(const Bound& theta, std::int64_t t) const;  ///< the same
};

/// Coordinates that are stepped together.
struct Block {
  std::int64_t first = 0, count = 0;
  std::shared_ptr<const Layout> theta{};  ///< as the optimizer sees it
  std::shared_ptr<const Layout> state{};  ///< null where there is none
};
/// All coordinates cut in blocks of at most `most`, of one group each; one block, as it is, where
/// coordinates see each other.
std::vector<Block> blocks_of(const Job& job, std::int64_t most);

/// A block's columns of a state, and the other way.
Params state_of(const Job& job, const Block& block, const Params& state);
Params joined(const Job& job, const std::vector<Block>& blocks, const std::vector<Params>& states);

/// A block's elements of a flat tensor.
Tensor part(const Tensor& flat, const Block& block);

/// Blocks are shared out in tasks, whose sums are added in order: as many on any number of threads.
struct Shares {
  std::int64_t blocks, tasks;
  explicit Shares(std::size_t count)
      : blocks(static_cast<std::int64_t>(count)), tasks(std::min<std::int64_t>(blocks, 32)) {}
  [[nodiscard]] std::int64_t first(std::int64_t task) const { return task * blocks / tasks; }
};
template <class F>
void each_task(const Job& job, const Shares& shares, const F& f) {
  if (Threads* threads = job.scratch.threads(); threads && shares.tasks > 1)
    threads->run(shares.tasks, f);
  else
    for (std::int64_t task = 0; task < shares.tasks; ++task) f(task, 0);
}

/// φ on each worker's tape, as long as it lives.
class Workers {
 public:
  Workers(const Job& job, bool differentiable);
  ~Workers();
  [[nodiscard]] Tape& tape(int worker) const;
  [[nodiscard]] const Bound& phi(int worker) const {
    return bound_[static_cast<std::size_t>(worker)];
  }

 private:
  const Job& job_;
  std::vector<std::unique_ptr<Tape::Scope>> scopes_;
  std::vector<Bound> bound_;
};

/// A value that has no tensors stands on the tape as nothing.
Bound bound_of(Tape& tape, const std::shared_ptr<const Layout>& layout, const Params& value,
               bool differentiable);

/// What a step or several made, and what later ones ask of it: of what does not depend on φ, the
/// state or the gradient, nothing.
class Outputs {
 public:
  void add(Var y, Tensor v);
  /// A state's tensors, and their adjoints one after the other; of an empty `flat` nothing.
  void add(const Bound& state, const Tensor& flat);
  [[nodiscard]] bool empty() const { return all_.empty(); }
  /// Σ of cotangents times derivatives, one sweep.
  [[nodiscard]] std::vector<Tensor> pull(std::span<const Var> inputs) const;

 private:
  std::vector<Cotangent> all_;
};

/// The run forward.
struct Track {
  std::vector<Tensor> losses;     ///< T + 1 of [functions], as judged; of judge_end the last alone
  std::vector<Tensor> gradients;  ///< T: what the optimizer read, flat
  std::vector<Tensor> judged;     ///< T + 1: of the sum of what is judged, flat; the same tensors
                                  ///< where nothing is judged apart; empty where not judged
  std::vector<Params> thetas;     ///< T, where asked for
  std::vector<Block> blocks;
  std::vector<std::vector<Params>> states;  ///< T, of each block, where asked for
  std::vector<double> read;                 ///< T: the loss that the optimizer may read
  RunState end;
  std::optional<std::int64_t> diverged;
};
/// `keep`: θ and the states of all steps.
Track forward(const Job& job, bool keep);

/// L and, as a factor on the judged gradients of step t, what it asks of each loss.
struct Pull {
  double loss = 0;
  std::vector<double> weight;  ///< T + 1
};
/// Where functions are weighed unequally, `judged` is scaled by coordinate and weights are 1. Where
/// a weight is 0, `judged` is not to be touched.
Pull pull_of(const Job& job, Track& track);
/// L of the losses as judged.
Var objective_of(const Job& job, Var losses);

/// Where the run is the result: losses, end, divergence.
Unrolled result_of(const Job& job, const Track& track);

// The passes: fill in the gradients.
Unrolled recorded(const Job& job);
void checkpointed(const Job& job, Track& track, const Pull& pull, Unrolled& result);
void blockwise(const Job& job, const Track& track, const Pull& pull, Unrolled& result);

}  // namespace metatape::metalearn::detail
