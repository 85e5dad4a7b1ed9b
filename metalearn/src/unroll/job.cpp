// job.cpp: the run forward. Each step's loss and gradient come from a scratch tape that is rewound
// at once; then the optimizer steps block by block.
#include "job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../algebra/flat.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn::detail {

namespace {

Var of_functions(Var value, const tasks::OptimizeeInstance& instance, const char* what) {
  if (value.size() != instance.functions || value.shape().rank() > 1)
    throw ShapeError(fmt::format("unroll: the {} is {}, of {} function{}", what,
                                 to_string(value.shape()), instance.functions,
                                 instance.functions == 1 ? "" : "s side by side"));
  return reshape(value, Shape{value.size()});
}

double sum_of(const Tensor& t) {
  return visit(t.dtype(), [&]<class T>(T) {
    double sum = 0;
    for (const T v : t.values<T>()) sum += static_cast<double>(v);
    return sum;
  });
}

}  // namespace

Var Job::loss(const Bound& theta, std::int64_t t) const {
  return of_functions(instance.loss(theta, key_of(t)), instance, "loss");
}
Var Job::objective(const Bound& theta, std::int64_t t) const {
  if (!instance.objective) return loss(theta, t);
  return of_functions(instance.objective(theta, key_of(t)), instance, "objective");
}

// ---- blocks

std::vector<Block> blocks_of(const Job& job, std::int64_t most) {
  const Params& theta = job.from.theta;
  const Params& state = job.from.state;
  std::vector<Block> blocks;
  if (!job.optimizer.coordinatewise()) {
    blocks.push_back({0, theta.size(), theta.layout(), state.empty() ? nullptr : state.layout()});
    return blocks;
  }
  const auto add = [&](const std::string& tensor, std::int64_t first, std::int64_t count) {
    Block b{first, count, nullptr, nullptr};
    if (!blocks.empty() && blocks.back().count == count) b.state = blocks.back().state;
    if (b.state && blocks.back().theta->entries()[0].name == tensor) b.theta = blocks.back().theta;
    if (!b.theta)
      b.theta = std::make_shared<const Layout>(
          std::vector<std::pair<std::string, Shape>>{{tensor, Shape{count}}});
    if (!b.state && !state.empty()) {
      std::vector<std::pair<std::string, Shape>> shapes;
      for (const ParamEntry& e : state.entries()) {
        if (e.shape.rank() == 0 || e.shape[-1] != theta.size())
          throw ShapeError(
              fmt::format("unroll: {}: its state '{}' is {}: a coordinatewise "
                          "optimizer has coordinates, {}, as the last axis",
                          job.optimizer.name(), e.name, to_string(e.shape), theta.size()));
        shapes.emplace_back(e.name, e.shape.with(-1, count));
      }
      b.state = std::make_shared<const Layout>(std::move(shapes));
    }
    blocks.push_back(std::move(b));
  };
  const auto& entries = theta.entries();
  for (std::size_t i = 0; i < entries.size();) {
    const std::int64_t first = entries[i].offset;
    const int group = job.optimizer.group(entries[i].name);
    std::size_t next = i + 1;
    while (next < entries.size() && job.optimizer.group(entries[next].name) == group) ++next;
    const std::int64_t last = next < entries.size() ? entries[next].offset : theta.size();
    for (std::int64_t at = first; at < last; at += most)
      add(entries[i].name, at, std::min(most, last - at));
    i = next;
  }
  return blocks;
}

Params state_of(const Job& job, const Block& block, const Params& state) {
  if (!block.state) return Params::zeros(std::make_shared<const Layout>(), job.dtype());
  if (block.state == state.layout()) return state;
  Tensor flat = Tensor::uninitialised({block.state->size()}, job.dtype());
  char* to = static_cast<char*>(flat.mutable_data());
  const char* from = static_cast<const char*>(state.flat().data());
  const auto width = static_cast<std::int64_t>(bytes(job.dtype()));
  const std::int64_t n = job.size();
  for (std::int64_t r = 0, rows = block.count ? block.state->size() / block.count : 0; r < rows;
       ++r)
    std::memcpy(to + r * block.count * width, from + (r * n + block.first) * width,
                static_cast<std::size_t>(block.count * width));
  return {block.state, std::move(flat)};
}

Params joined(const Job& job, const std::vector<Block>& blocks, const std::vector<Params>& states) {
  if (blocks.size() == 1 || job.from.state.empty())
    return blocks.empty() ? job.from.state : Params(job.from.state.layout(), states.front().flat());
  Params state = job.from.state.zeros_like();
  char* to = static_cast<char*>(state.flat().mutable_data());
  const auto width = static_cast<std::int64_t>(bytes(job.dtype()));
  const std::int64_t n = job.size();
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const char* from = static_cast<const char*>(states[b].flat().data());
    const std::int64_t count = blocks[b].count;
    for (std::int64_t r = 0, rows = states[b].size() / count; r < rows; ++r)
      std::memcpy(to + (r * n + blocks[b].first) * width, from + r * count * width,
                  static_cast<std::size_t>(count * width));
  }
  return state;
}

Tensor part(const Tensor& flat, const Block& block) {
  return flat.window(block.first, Shape{block.count});
}

// ---- φ on the workers' tapes

Workers::Workers(const Job& job, bool differentiable) : job_(job) {
  for (int w = 0; w < job.scratch.workers(); ++w) {
    Tape& own = job.scratch.tape(w);
    scopes_.push_back(std::make_unique<Tape::Scope>(own));
    bound_.push_back(bound_of(own, job.phi.layout(), job.phi, differentiable));
  }
}
Workers::~Workers() = default;
Tape& Workers::tape(int worker) const { return job_.scratch.tape(worker); }

Bound bound_of(Tape& tape, const std::shared_ptr<const Layout>& layout, const Params& value,
               bool differentiable) {
  if (!layout || layout->entries().empty()) return {};
  return {layout, differentiable ? tape.variable(value.flat()) : tape.constant(value.flat())};
}

void Outputs::add(Var y, Tensor v) {
  if (y.differentiable()) all_.push_back({y, std::move(v)});
}
void Outputs::add(const Bound& state, const Tensor& flat) {
  if (flat.size() == 0) return;
  for (std::size_t k = 0; k < state.count(); ++k)
    if (state[k].differentiable()) all_.push_back({state[k], flat, state.entries()[k].offset});
}
std::vector<Tensor> Outputs::pull(std::span<const Var> inputs) const {
  return vector_jacobian(all_, inputs);
}

// ---- the run

namespace {

// The optimizee at θ: what is judged, where it is, and what the optimizer reads.
struct Point {
  Tensor losses, judged, gradient;
  double read = 0;  // the loss whose gradient it is
};

// The last point is judged only. `at`: where the optimizer wants its gradient, θ itself mostly.
Point evaluate(const Job& job, const Params& theta, const Params& at, std::int64_t t) {
  Tape& tape = job.scratch.tape(0);
  const bool wanted = job.options.gradient, last = t == job.steps();
  Point p;
  const auto take = [&](const Params& where, bool judge, bool differentiate, Tensor& gradient) {
    const Tape::Scope scope(tape);
    const Bound b = differentiate ? bind(tape, where) : bind_constant(tape, where);
    const Var value = judge ? job.objective(b, t) : job.loss(b, t);
    if (differentiate) gradient = grad(sum(value), b).flat();
    return value.value();
  };
  if (job.judged_apart()) {
    if (job.judged_at(t)) p.losses = take(theta, true, wanted, p.judged);
    if (!last) p.read = sum_of(take(at, false, true, p.gradient));
  } else {
    const Tensor losses = take(theta, false, wanted || !last, p.gradient);
    p.read = sum_of(losses);
    if (job.judged_at(t)) {
      p.losses = losses;
      p.judged = p.gradient;
    }
  }
  return p;
}

// One step of all blocks: θ and the states are replaced.
void step(const Job& job, const Workers& workers, const std::vector<Block>& blocks, std::int64_t t,
          const Tensor& gradient, double loss, Params& theta, std::vector<Params>& states) {
  Params next = Params(theta.layout(), Tensor::uninitialised({theta.size()}, theta.dtype()));
  visit(job.dtype(), [&]<class T>(T) {
    const std::span<T> to = next.flat().template mutable_values<T>();
    const std::span<const T> from = theta.flat().template values<T>();
    const Shares shares(blocks.size());
    each_task(job, shares, [&](std::int64_t task, int worker) {
      Tape& tape = workers.tape(worker);
      for (std::int64_t i = shares.first(task); i < shares.first(task + 1); ++i) {
        const Block& b = blocks[static_cast<std::size_t>(i)];
        Params& state = states[static_cast<std::size_t>(i)];
        const Tape::Scope scope(tape);
        const OptimizerOutput out =
            job.optimizer.step(workers.phi(worker),
                               {.theta = Bound(b.theta, tape.constant(part(theta.flat(), b))),
                                .gradient = Bound(b.theta, tape.constant(part(gradient, b))),
                                .loss = tape.constant(loss, job.dtype()),
                                .step = job.from.step + t,
                                .functions = job.instance.functions},
                               bound_of(tape, b.state, state, false));
        const std::span<const T> moved = out.updates.flat().template values<T>();
        for (std::size_t k = 0, at = static_cast<std::size_t>(b.first); k < moved.size(); ++k)
          to[at + k] = from[at + k] + moved[k];
        if (b.state) state = out.state.value();
      }
    });
  });
  theta = std::move(next);
}

// As many coordinates as make a step worth its overhead; an odd number of panels, so that rows of a
// state do not fall on the same lines of the cache.
constexpr std::int64_t forward_block = 5 * 64;

}  // namespace

Track forward(const Job& job, bool keep) {
  Track track;
  const Workers workers(job, false);
  track.blocks = blocks_of(job, forward_block);
  Params theta = job.from.theta;
  std::vector<Params> states;
  for (const Block& b : track.blocks) states.push_back(state_of(job, b, job.from.state));
  std::int64_t t = 0;
  for (;; ++t) {
    Params at = theta;
    if (job.optimizer.queries()) {
      const Tape::Scope scope(workers.tape(0));
      const Params state = joined(job, track.blocks, states);
      at = job.optimizer
               .query(workers.phi(0), bind_constant(workers.tape(0), theta),
                      bound_of(workers.tape(0), state.layout(), state, false))
               .value();
    }
    Point p = evaluate(job, theta, at, t);
    const double judged = job.judged_at(t) ? sum_of(p.losses) : 0;
    if (job.judged_at(t)) track.losses.push_back(std::move(p.losses));
    if (!std::isfinite(judged) || !std::isfinite(p.read) || !finite(p.gradient) ||
        !finite(p.judged)) {
      track.diverged = job.from.step + t;
      break;
    }
    if (job.options.gradient) track.judged.push_back(std::move(p.judged));
    if (t == job.steps()) break;
    if (keep) {
      track.thetas.push_back(theta);
      track.states.push_back(states);
    }
    step(job, workers, track.blocks, t, p.gradient, p.read, theta, states);
    track.read.push_back(p.read);
    if (job.options.gradient) track.gradients.push_back(std::move(p.gradient));
  }
  track.end = {std::move(theta), joined(job, track.blocks, states), job.from.step + t};
  return track;
}

// ---- what L asks of each loss

namespace {

// judged · a, a's entry i standing for the i-th part of each tensor's leading axis.
template <class T>
Tensor scaled_by_function(const Job& job, const Tensor& judged, std::span<const T> a) {
  Tensor scaled = judged;
  const std::span<T> values = scaled.mutable_values<T>();
  const auto functions = static_cast<std::int64_t>(a.size());
  for (const ParamEntry& e : job.from.theta.entries()) {
    if (e.shape.rank() == 0 || e.shape[0] != functions)
      throw ShapeError(
          fmt::format("unroll: the objective weighs {} functions unequally, and '{}' "
                      "{} has them not as its leading axis",
                      functions, e.name, to_string(e.shape)));
    const std::int64_t each = e.shape.size() / functions;
    for (std::int64_t i = 0; i < e.shape.size(); ++i)
      values[static_cast<std::size_t>(e.offset + i)] *= a[static_cast<std::size_t>(i / each)];
  }
  return scaled;
}

}  // namespace

Var objective_of(const Job& job, Var losses) {
  if (job.options.judge_end) return final_loss()(losses, job.from.step);
  return job.options.objective ? job.options.objective(losses, job.from.step)
                               : sum_of_losses()(losses, job.from.step);
}

Pull pull_of(const Job& job, Track& track) {
  Pull pull;
  Tape& tape = job.scratch.tape(0);
  const Tape::Scope scope(tape);
  const auto rows = static_cast<std::int64_t>(track.losses.size());
  const std::int64_t functions = job.instance.functions;
  const Tensor weights = visit(job.dtype(), [&]<class T>(T) {
    Tensor all = Tensor::uninitialised({rows, functions}, job.dtype());
    T* to = all.mutable_values<T>().data();
    for (const Tensor& row : track.losses) to = std::ranges::copy(row.values<T>(), to).out;
    const Var losses = tape.variable(all);
    const Var l = objective_of(job, losses);
    pull.loss = l.item();
    if (!job.options.gradient) return Tensor{};
    return l.differentiable() ? grad(l, losses) : Tensor::zeros(losses.shape(), job.dtype());
  });
  if (!job.options.gradient) return pull;
  // Rows stand for the last of the points.
  pull.weight.resize(track.judged.size() - track.losses.size());
  visit(job.dtype(), [&]<class T>(T) {
    for (std::int64_t t = 0; t < rows; ++t) {
      const std::span<const T> a = weights.values<T>().subspan(
          static_cast<std::size_t>(t * functions), static_cast<std::size_t>(functions));
      if (std::ranges::all_of(a, [&](T v) { return v == a[0]; })) {
        pull.weight.push_back(static_cast<double>(a[0]));
        continue;
      }
      Tensor& judged = track.judged[pull.weight.size()];
      judged = scaled_by_function<T>(job, judged, a);
      pull.weight.push_back(1);
    }
  });
  return pull;
}

Unrolled result_of(const Job& job, const Track& track) {
  Unrolled r;
  for (const Tensor& row : track.losses) r.losses.push_back(sum_of(row) / job.instance.functions);
  r.end = track.end;
  r.diverged = track.diverged;
  if (track.diverged) r.loss = std::numeric_limits<double>::infinity();
  r.gradient = job.phi.zeros_like();
  r.theta_gradient = job.from.theta.zeros_like();
  return r;
}

}  // namespace metatape::metalearn::detail
