// blockwise.cpp: the pass back of a coordinatewise optimizer without second order.
// The gradients ∇_t are constants, so what later losses ask of θ_t is known before going back:
// Λ_t = Σ_{s>t} w_s ∇_s is the adjoint of the update u_t, and no coordinate waits for another. A
// block's T steps are made again on a scratch tape and gone back through while they are in cache.
// A long run is made again in segments from states kept at their starts, the last one first. An
// optimizer that reads θ has more to say about it; then the block's θ is recorded with the rest.
#include <algorithm>

#include "job.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn::detail {

namespace {

// Steps that are recorded at once.
constexpr std::int64_t segment = 40;

// Coordinates whose steps, some hundred numbers each, are at hand in cache together.
std::int64_t fitting(const Job& job) {
  constexpr std::int64_t panel = 64, row_steps = 20 * 3 * panel;
  const std::int64_t most = row_steps / std::min(job.steps(), segment) / panel * panel;
  return std::clamp<std::int64_t>(most, panel, 5 * panel);
}

// The block's elements of T tensors, one after the other; `from` picks them.
Tensor gathered(const Job& job, const Block& block, const std::vector<Tensor>& rows) {
  Tensor all = Tensor::uninitialised({job.steps(), block.count}, job.dtype());
  visit(job.dtype(), [&]<class T>(T) {
    T* to = all.mutable_values<T>().data();
    for (std::int64_t t = 0; t < job.steps(); ++t)
      to = std::copy_n(rows[static_cast<std::size_t>(t)].values<T>().data() + block.first,
                       block.count, to);
  });
  return all;
}

// Λ_0 .. Λ_{T-1}, and into dL/dθ_0 its part that does not go through the optimizer.
Tensor asked(const Job& job, const Block& block, const Track& track, const Pull& pull,
             void* theta_gradient) {
  Tensor all = Tensor::uninitialised({job.steps(), block.count}, job.dtype());
  visit(job.dtype(), [&]<class T>(T) {
    T* sum = static_cast<T*>(theta_gradient) + block.first;  // runs from the last step to θ_0
    std::fill_n(sum, block.count, T{0});
    T* const rows = all.mutable_values<T>().data();
    for (std::int64_t t = job.steps(); t >= 0; --t) {
      const T w = static_cast<T>(pull.weight[static_cast<std::size_t>(t)]);
      if (w != 0) {
        const T* g = track.judged[static_cast<std::size_t>(t)].values<T>().data() + block.first;
        for (std::int64_t i = 0; i < block.count; ++i) sum[i] += w * g[i];
      }
      if (t > 0) std::copy_n(sum, block.count, rows + (t - 1) * block.count);
    }
  });
  return all;
}

// Σ_t <θ_t, w_t ∇_t> or Σ_t <u_t, Λ_t>, step by step.
Var surrogate(const Job& job, const Block& block, const Track& track, const Pull& pull,
              const Bound& phi, Tape& tape, Var theta, const Tensor& lambda) {
  const bool reads = job.optimizer.reads_theta();
  Bound state = bound_of(tape, block.state, state_of(job, block, job.from.state), false);
  Var total;
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
    if (reads && pull.weight[at + 1] == 0) continue;
    const Var term = reads ? sum(theta * part(track.judged[at + 1], block)) * pull.weight[at + 1]
                           : sum(update * lambda.window(t * block.count, Shape{block.count}));
    total = total.valid() ? total + term : term;
  }
  return total;
}

// Adds d(Σ_t <u_t, Λ_t>)/dφ of a block whose steps are a sequence. `phi` is a variable, `fixed` the
// same as a constant.
void sequence_back(const Job& job, const Block& block, const Tensor& gradients,
                   const Tensor& lambda, const Bound& phi, const Bound& fixed, Tape& tape,
                   Params& to) {
  const auto run = [&](const Bound& numbers, std::int64_t first, const Bound& state) {
    const std::int64_t last = std::min(first + segment, job.steps());
    return job.optimizer.sequence(numbers,
                                  {.gradients = tape.constant(gradients.rows(first, last)),
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
    Var l = sum(out.updates * lambda.rows(first, first + out.updates.shape()[0]));
    if (mu.size() > 0)
      for (std::size_t k = 0; k < out.state.count(); ++k) {
        const ParamEntry& e = block.state->entries()[k];
        l = l + sum(out.state[k] * mu.window(e.offset, e.shape));
      }
    if (!l.differentiable()) return;
    std::vector<Var> inputs;
    if (phi.count() > 0) inputs.push_back(phi.flat());
    if (earlier) inputs.push_back(state.flat());
    const std::vector<Tensor> d = grad(l, inputs);
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
    Params &sum_of_task = sums[static_cast<std::size_t>(task)], one = job.phi.zeros_like();
    sum_of_task = job.phi.zeros_like();
    for (std::int64_t i = shares.first(task); i < shares.first(task + 1); ++i) {
      const Block& b = blocks[static_cast<std::size_t>(i)];
      const Tape::Scope scope(tape);
      const Tensor lambda = asked(job, b, track, pull, theta_gradient);
      const Tensor start = part(job.from.theta.flat(), b);
      const Var theta = reads ? tape.variable(start) : tape.constant(start);
      if (in_one) {
        sequence_back(job, b, gathered(job, b, track.gradients), lambda, phi, fixed.phi(worker),
                      tape, sum_of_task);
        continue;
      }
      const Var s = surrogate(job, b, track, pull, phi, tape, theta, lambda);
      if (!s.valid() || !s.differentiable()) continue;
      if (!reads) {
        grad_into(s, phi, one);
        sum_of_task.add_scaled(1, one);
        continue;
      }
      std::vector<Var> inputs{theta};
      if (phi.count() > 0) inputs.push_back(phi.flat());
      const std::vector<Tensor> d = grad(s, inputs);
      visit(job.dtype(), [&]<class T>(T) {
        T* to = static_cast<T*>(theta_gradient) + b.first;
        std::ranges::copy(d[0].values<T>(), to);
        const T w = static_cast<T>(pull.weight[0]);
        if (w == 0) return;
        const T* judged = track.judged[0].values<T>().data() + b.first;
        for (std::int64_t k = 0; k < b.count; ++k) to[k] += w * judged[k];
      });
      if (phi.count() > 0) sum_of_task.add_scaled(1, Params(job.phi.layout(), d[1]));
    }
  });
  for (const Params& p : sums) result.gradient.add_scaled(1, p);
}

}  // namespace metatape::metalearn::detail
