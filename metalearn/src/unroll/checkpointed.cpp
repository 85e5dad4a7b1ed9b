// checkpointed.cpp: the pass back by one step at a time, each made again from the θ and state that
// were kept. With λ_t, μ_t the adjoints of θ_t and the state h_t (systems of this kind: Maclaurin,
// Duvenaud and Adams 2015):
//
//   v_t = (∂u_t/∂∇_t)ᵀ λ_{t+1} + (∂h_{t+1}/∂∇_t)ᵀ μ_{t+1}
//   λ_t = w_t ∇_t + λ_{t+1} + (∂u_t/∂θ_t)ᵀ λ_{t+1} + (∂h_{t+1}/∂θ_t)ᵀ μ_{t+1} + H_t v_t
//   μ_t = (∂u_t/∂h_t)ᵀ λ_{t+1} + (∂h_{t+1}/∂h_t)ᵀ μ_{t+1}
//
// First order drops H_t v_t and nothing else; exact makes it on a scratch tape of the optimizee.
#include "../algebra/flat.hpp"
#include "job.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/reduce.hpp"

namespace metatape::metalearn::detail {

namespace {

Tensor hessian_times(const Job& job, const Params& theta, std::int64_t t, const Tensor& v) {
  Tape& tape = job.scratch.tape(0);
  const Tape::Scope scope(tape);
  const Bound b = bind(tape, theta);
  return hessian_vector(sum(job.loss(b, t)), b, Params(theta.layout(), v)).flat();
}

}  // namespace

void checkpointed(const Job& job, Track& track, const Pull& pull, Unrolled& result) {
  const bool exact = job.options.order == Order::exact, reads = job.optimizer.reads_theta();
  const std::vector<Block>& blocks = track.blocks;
  const Workers workers(job, true);
  const Shares shares(blocks.size());
  std::vector<Params> sums(static_cast<std::size_t>(shares.tasks));
  for (Params& p : sums) p = job.phi.zeros_like();

  Tensor& lambda = result.theta_gradient.flat();
  if (pull.weight.back() != 0) add_scaled(lambda, pull.weight.back(), track.judged.back());
  std::vector<Tensor> mu(blocks.size());  // of each block's state, flat; none yet
  Tensor v = exact ? Tensor::zeros({job.size()}, job.dtype()) : Tensor{};
  for (std::int64_t t = job.steps(); t-- > 0;) {
    const auto at = static_cast<std::size_t>(t);
    // What a worker writes: its blocks' elements of these.
    void* const to_v = exact ? v.mutable_data() : nullptr;
    Tensor from_theta = reads ? Tensor::zeros({job.size()}, job.dtype()) : Tensor{};
    void* const to_theta = reads ? from_theta.mutable_data() : nullptr;
    each_task(job, shares, [&](std::int64_t task, int worker) {
      Tape& tape = workers.tape(worker);
      const Bound& phi = workers.phi(worker);
      for (std::int64_t i = shares.first(task); i < shares.first(task + 1); ++i) {
        const auto of = static_cast<std::size_t>(i);
        const Block& b = blocks[of];
        const Tape::Scope scope(tape);
        const Tensor x = part(track.thetas[at].flat(), b), g = part(track.gradients[at], b);
        const Var theta = reads ? tape.variable(x) : tape.constant(x);
        const Var gradient = exact ? tape.variable(g) : tape.constant(g);
        const Bound state = bound_of(tape, b.state, track.states[at][of], true);
        const OptimizerOutput out =
            job.optimizer.step(phi,
                               {.theta = Bound(b.theta, theta),
                                .gradient = Bound(b.theta, gradient),
                                .loss = tape.constant(track.read[at], job.dtype()),
                                .step = job.from.step + t,
                                .functions = job.instance.functions},
                               state);
        Outputs outputs;
        outputs.add(out.updates.flat(), part(lambda, b));
        outputs.add(out.state, mu[of]);
        if (outputs.empty()) continue;
        std::vector<Var> inputs;
        if (phi.count() > 0) inputs.push_back(phi.flat());
        if (b.state) inputs.push_back(state.flat());
        if (exact) inputs.push_back(gradient);
        if (reads) inputs.push_back(theta);
        const std::vector<Tensor> d = outputs.pull(inputs);
        std::size_t next = 0;
        if (phi.count() > 0)
          sums[static_cast<std::size_t>(task)].add_scaled(1, Params(job.phi.layout(), d[next++]));
        if (b.state) mu[of] = d[next++];
        visit(job.dtype(), [&]<class T>(T) {
          const auto put = [&](void* to) {
            const std::span<const T> values = d[next++].values<T>();
            std::copy(values.begin(), values.end(), static_cast<T*>(to) + b.first);
          };
          if (exact) put(to_v);
          if (reads) put(to_theta);
        });
      }
    });
    if (pull.weight[at] != 0) add_scaled(lambda, pull.weight[at], track.judged[at]);
    if (reads) add_scaled(lambda, 1, from_theta);
    if (exact) add_scaled(lambda, 1, hessian_times(job, track.thetas[at], t, v));
    track.states[at].clear();  // done with: the memory is free for what is next
  }
  for (const Params& p : sums) result.gradient.add_scaled(1, p);
}

}  // namespace metatape::metalearn::detail
