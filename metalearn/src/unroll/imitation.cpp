// imitation.cpp: an optimizer shown what another does. The gradients are the teacher's run's, so
// they are constants and blocks of coordinates are independent.
#include <cmath>
#include <limits>

#include "job.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/metalearn/unroll/training.hpp"

namespace metatape::metalearn {

namespace {

using detail::Block;
using detail::Job;

// θ_{t+1} - θ_t of one block.
Tensor target(const detail::Track& run, std::size_t t, const Block& b) {
  const Params& next = t + 1 < run.thetas.size() ? run.thetas[t + 1] : run.end.theta;
  Tensor d = detail::part(next.flat(), b);
  visit(d.dtype(), [&]<class T>(T) {
    const std::span<T> to = d.mutable_values<T>();
    const T* from = run.thetas[t].flat().values<T>().data() + b.first;
    for (std::size_t i = 0; i < to.size(); ++i) to[i] -= from[i];
  });
  return d;
}

}  // namespace

Unrolled imitate(const tasks::OptimizeeInstance& instance, const AnyOptimizer& optimizer,
                 const Params& phi, const AnyOptimizer& teacher, const RunState& from,
                 Params& teacher_state, Key key, std::int64_t steps, UnrollScratch& scratch) {
  const UnrollOptions options{.steps = steps};
  const Params teachers = teacher.phi(from.theta.dtype());
  const RunState teachers_from{from.theta, teacher_state, from.step};
  const Job shown{instance, teacher, teachers, teachers_from, key, options, scratch};
  const detail::Track run = detail::forward(shown, true);
  const Job job{instance, optimizer, phi, from, key, options, scratch};
  Unrolled result = detail::result_of(job, run);
  if (run.diverged) return result;
  teacher_state = run.end.state;

  constexpr std::int64_t block = 5 * 64;
  const std::vector<Block> blocks = detail::blocks_of(job, block);
  std::vector<Params> states(blocks.size());
  const detail::Workers workers(job, true);
  const detail::Shares shares(blocks.size());
  std::vector<Params> sums(static_cast<std::size_t>(shares.tasks));
  std::vector<double> losses(blocks.size());
  detail::each_task(job, shares, [&](std::int64_t task, int worker) {
    Tape& tape = workers.tape(worker);
    const Bound& own = workers.phi(worker);
    Params& sum_of_task = sums[static_cast<std::size_t>(task)];
    sum_of_task = phi.zeros_like();
    for (std::int64_t i = shares.first(task); i < shares.first(task + 1); ++i) {
      const auto of = static_cast<std::size_t>(i);
      const Block& b = blocks[of];
      const Tape::Scope scope(tape);
      states[of] = detail::state_of(job, b, from.state);
      Bound state = detail::bound_of(tape, b.state, states[of], false);
      Var total;
      for (std::size_t t = 0; t < static_cast<std::size_t>(steps); ++t) {
        OptimizerOutput out = optimizer.step(
            own,
            {.theta = Bound(b.theta, tape.constant(detail::part(run.thetas[t].flat(), b))),
             .gradient = Bound(b.theta, tape.constant(detail::part(run.gradients[t], b))),
             .loss = tape.constant(run.read[t], job.dtype()),
             .step = from.step + static_cast<std::int64_t>(t),
             .functions = instance.functions},
            state);
        state = out.state;
        const Var term = sum(square(out.updates.flat() - target(run, t, b)));
        total = total.valid() ? total + term : term;
      }
      total = total * (1 / static_cast<double>(job.size()));
      losses[of] = total.item();
      if (total.differentiable()) sum_of_task.add_scaled(1, grad(total, own));
      if (b.state) states[of] = state.value();
    }
  });
  result.loss = 0;
  for (const double l : losses) result.loss += l;
  for (const Params& p : sums) result.gradient.add_scaled(1, p);
  result.end.state = detail::joined(job, blocks, states);
  return result;
}

}  // namespace metatape::metalearn
