// blockwise.cpp: the pass back of a coordinatewise optimizer without second order.
// The gradients ∇_t are constants, so what later losses ask of θ_t is known before going back:
// Λ_t = Σ_{s>t} w_s ∇_s is the adjoint of the update u_t, and no coordinate waits for another. A
// block's T steps are made again on a scratch tape and gone back through while they are in cache.
// A long run is made again in segments from states kept at their starts, the last one first. An
// optimizer that reads θ has more to say about it; then the block's θ is recorded with the rest.
#include <algorithm>

#include "../algebra/flat.hpp"
#include "job.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn::detail {

namespace {

// Steps that are recorded at once. A run that has to be cut is cut short: its blocks are as narrow
// as can be, and with half as many steps they take half the cache.
constexpr std::int64_t whole = 40, part_of_longer = 20;
std::int64_t segment_of(const Job& job) { return job.steps() <= whole ? whole : part_of_longer; }

// Coordinates whose steps are at hand in cache together: a step keeps a few times as many numbers
// as the coordinate's state has.
std::int64_t fitting(const Job& job) {
  constexpr std::int64_t panel = 64, numbers = 20 * 3 * panel * 96;
  const std::int64_t state =
      std::max<std::int64_t>(job.from.state.size() / std::max<std::int64_t>(job.size(), 1), 1);
  const std::int64_t most = numbers / state / std::min(job.steps(), whole) / panel * panel;
  return std::clamp<std::int64_t>(most, panel, 5 * panel);
}

// The block's elements of the gradients of steps [first, last), one after the other.
Tensor gathered(const Job& job, const Block& block, const Track& track, std::int64_t first,
                std::int64_t last) {
  Tensor all = Tensor::uninitialised({last - first, block.count}, job.dtype());
  visit(job.dtype(), [&]<class T>(T) {
    T* to = all.mutable_values<T>().data();
    for (std::int64_t t = first; t < last; ++t)
      to =
          std::copy_n(track.gradients[static_cast<std::size_t>(t)].values<T>().data() + block.first,
                      block.count, to);
  });
  return all;
}

// Λ_t of a block, from the last step to the first. The running sum ends as the part of dL/dθ_0 that
// does not go through the optimizer.
class Asked {
 public:
  Asked(const Job& job, const Block& block, const Track& track, const Pull& pull,
        void* theta_gradient)
      : job_(job), block_(block), track_(track), pull_(pull), sum_(theta_gradient) {
    visit(job.dtype(), [&]<class T>(T) { std::fill_n(sum<T>(), block.count, T{0}); });
  }

  // Λ_first .. Λ_{last-1}: `last` is where the call before began, or the end.
  [[nodiscard]] Tensor rows(std::int64_t first, std::int64_t last) const {
    Tensor all = Tensor::uninitialised({last - first, block_.count}, job_.dtype());
    visit(job_.dtype(), [&]<class T>(T) {
      T* to = all.mutable_values<T>().data() + all.size();
      for (std::int64_t t = last; t > first; --t) {
        add<T>(t);
        std::copy_n(sum<T>(), block_.count, to -= block_.count);
      }
      if (first == 0) add<T>(0);
    });
    return all;
  }

 private:
  template <class T>
  [[nodiscard]] T* sum() const {
    return static_cast<T*>(sum_) + block_.first;
  }
  template <class T>
  void add(std::int64_t t) const {
    const auto at = static_cast<std::size_t>(t);
    const T w = static_cast<T>(pull_.weight[at]);
    if (w == 0) return;
    const T* g = track_.judged[at].values<T>().data() + block_.first;
    T* const to = sum<T>();
    for (std::int64_t i = 0; i < block_.count; ++i) to[i] += w * g[i];
  }

  const Job& job_;
  const Block& block_;
  const Track& track_;
  const Pull& pull_;
  void* sum_;
};

// θ_t with w_t ∇_t, or u_t with Λ_t, of each step.
Outputs stepped(const Job& job, const Block& block, const Track& track, const Pull& pull,
                const Bound& phi, Tape& tape, Var theta, const Tensor& lambda) {
  const bool reads = job.optimizer.reads_theta();
  Bound state = bound_of(tape, block.state, state_of(job, block, job.from.state), false);
  Outputs outputs;
  const auto ask = [&](std::size_t at) {
    if (pull.weight[at] == 0) return;
    Tensor asked = Tensor::zeros({block.count}, job.dtype());
    add_scaled(asked, pull.weight[at], part(track.judged[at], block));
    outputs.add(theta, std::move(asked));
  };
  if (reads) ask(0);
  for (std::int64_t t = 0; t < job.steps(); ++t) {
    const auto at = static_cast<std::size_t>(t);
    OptimizerOutput out = job.optimizer.step(
        phi,
        {.theta = Bound(block.theta, theta),
         .gradient = Bound(block.theta, tape.constant(part(track.gradients[at], block))),
         .loss = tape.constant(track.read[at], job.dtype()),
         .step = job.from.step + t,
         .functions = job.instance.functions},
        state);
    state = out.state;
    const Var update = out.updates.flat();
    theta = theta + update;
    if (reads)
      ask(at + 1);
    else
      outputs.add(update, lambda.window(t * block.count, Shape{block.count}));
  }
  return outputs;
}

// Adds d(Σ_t <u_t, Λ_t>)/dφ of a block whose steps are a sequence. `phi` is a variable, `fixed` the
// same as a constant.
void sequence_back(const Job& job, const Block& block, const Track& track, const Asked& asked,
                   const Bound& phi, const Bound& fixed, Tape& tape, Params& to) {
  const std::int64_t segment = segment_of(job);
  const auto run = [&](const Bound& numbers, std::int64_t first, const Bound& state) {
    const std::int64_t last = std::min(first + segment, job.steps());
    return job.optimizer.sequence(
        numbers,
        {.gradients = tape.constant(gathered(job, block, track, first, last)),
         .tensor = block.theta->entries()[0].name,
         .step = job.from.step + first},
        state);
  };
  std::vector<Params> marks{state_of(job, block, job.from.state)};
  for (std::int64_t first = 0; first + segment < job.steps(); first += segment) {
    const Tape::Scope scope(tape);
    const SequenceOutput out = run(fixed, first, bound_of(tape, block.state, marks.back(), false));
    marks.push_back(block.state ? out.state.value() : marks.back());
  }
  Tensor mu;  // the adjoint of the state at a segment's end, flat; none after the last
  for (std::size_t s = marks.size(); s-- > 0;) {
    const Tape::Scope scope(tape);
    const std::int64_t first = static_cast<std::int64_t>(s) * segment;
    const bool earlier = s > 0 && block.state;
    const Bound state = bound_of(tape, block.state, marks[s], earlier);
    const SequenceOutput out = run(phi, first, state);
    Outputs outputs;
    outputs.add(out.updates, asked.rows(first, first + out.updates.shape()[0]));
    outputs.add(out.state, mu);
    if (outputs.empty()) continue;
    std::vector<Var> inputs;
    if (phi.count() > 0) inputs.push_back(phi.flat());
    if (earlier) inputs.push_back(state.flat());
    const std::vector<Tensor> d = outputs.pull(inputs);
    if (phi.count() > 0) to.add_scaled(1, Params(job.phi.layout(), d.front()));
    if (earlier) mu = d.back();
  }
}

}  // namespace

void blockwise(const Job& job, const Track& track, const Pull& pull, Unrolled& result) {
  const std::vector<Block> blocks =
      blocks_of(job, job.options.block > 0 ? job.options.block : fitting(job));
  const Workers workers(job, true), fixed(job, false);
  const Shares shares(blocks.size());
  std::vector<Params> sums(static_cast<std::size_t>(shares.tasks));
  void* const theta_gradient = result.theta_gradient.flat().mutable_data();
  const bool reads = job.optimizer.reads_theta(), in_one = job.optimizer.has_sequence() && !reads;
  each_task(job, shares, [&](std::int64_t task, int worker) {
    Tape& tape = workers.tape(worker);
    const Bound& phi = workers.phi(worker);
    Params& sum_of_task = sums[static_cast<std::size_t>(task)];
    sum_of_task = job.phi.zeros_like();
    for (std::int64_t i = shares.first(task); i < shares.first(task + 1); ++i) {
      const Block& b = blocks[static_cast<std::size_t>(i)];
      const Tape::Scope scope(tape);
      const Asked asked(job, b, track, pull, theta_gradient);
      const Tensor start = part(job.from.theta.flat(), b);
      const Var theta = reads ? tape.variable(start) : tape.constant(start);
      if (in_one) {
        sequence_back(job, b, track, asked, phi, fixed.phi(worker), tape, sum_of_task);
        continue;
      }
      const Outputs outputs =
          stepped(job, b, track, pull, phi, tape, theta, asked.rows(0, job.steps()));
      if (outputs.empty()) continue;
      std::vector<Var> inputs;
      if (phi.count() > 0) inputs.push_back(phi.flat());
      if (reads) inputs.push_back(theta);
      const std::vector<Tensor> d = outputs.pull(inputs);
      if (phi.count() > 0) sum_of_task.add_scaled(1, Params(job.phi.layout(), d.front()));
      if (!reads) continue;
      visit(job.dtype(), [&]<class T>(T) {
        std::ranges::copy(d.back().values<T>(), static_cast<T*>(theta_gradient) + b.first);
      });
    }
  });
  for (const Params& p : sums) result.gradient.add_scaled(1, p);
}

}  // namespace metatape::metalearn::detail
