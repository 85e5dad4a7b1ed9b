// training.cpp: the carry of a run between windows, and what begins and ends one.
#include "metatape/metalearn/unroll/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "../training/run_place.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/unroll/scratches.hpp"

namespace metatape::metalearn {

namespace {

// A run between windows.
struct Run {
  Key key{};
  std::int64_t length = 0;
  bool imitated = false;
  RunState at{};
  Params teacher{};
};

Params carry_of(const Run& run) {
  const std::array<std::int64_t, 3> counts{run.at.step, run.length, run.imitated ? 1 : 0};
  const Tensor place = detail::place_of(run.key, counts, run.at.theta.dtype());
  return Params::join({Params({{"run", place}}), run.at.theta.prefixed("theta"),
                       run.at.state.prefixed("state"), run.teacher.prefixed("teacher")});
}

Run run_of(const Params& carry) {
  const detail::RunPlace place = detail::place_in(carry["run"], 3);
  return {.key = place.key,
          .length = place.counts[1],
          .imitated = place.counts[2] != 0,
          .at = {carry.inside("theta"), carry.inside("state"), place.counts[0]},
          .teacher = carry.inside("teacher")};
}

void check(const UnrollTraining& o) {
  const auto length = [&](std::int64_t steps) {
    if (steps < 1 || steps >= detail::largest_count)
      throw DataError(fmt::format("unroll training: runs of {} steps: 1 to {} are possible", steps,
                                  detail::largest_count - 1));
    if (o.shortest > steps)
      throw DataError(fmt::format("unroll training: the shortest run, {}, is longer than a run, {}",
                                  o.shortest, steps));
  };
  length(o.steps);
  for (std::size_t i = 0; i < o.curriculum.size(); ++i) {
    length(o.curriculum[i].steps);
    if (i > 0 && o.curriculum[i].meta_step <= o.curriculum[i - 1].meta_step)
      throw DataError("unroll training: stages of a curriculum must ascend");
  }
  if (o.window < 1) throw DataError(fmt::format("unroll training: windows of {} steps", o.window));
  if (!(o.imitation >= 0 && o.imitation <= 1))
    throw DataError(
        fmt::format("unroll training: imitation = {}: 0 to 1 is expected", o.imitation));
}

std::int64_t length_at(const UnrollTraining& o, std::int64_t meta_step) {
  std::int64_t steps = o.steps;
  for (const RunStage& s : o.curriculum)
    if (s.meta_step <= meta_step) steps = s.steps;
  return steps;
}

double last_finite(const std::vector<double>& losses) {
  const auto found =
      std::find_if(losses.rbegin(), losses.rend(), [](double l) { return std::isfinite(l); });
  return found == losses.rend() ? 0 : *found;
}

}  // namespace

MetaObjective unroll_objective(tasks::AnyOptimizee problem, AnyOptimizer optimizer,
                               UnrollTraining options) {
  check(options);
  const auto scratches = std::make_shared<UnrollScratches>();
  MetaObjective objective;
  objective.step = [=, problem = std::move(problem), optimizer = std::move(optimizer),
                    o = std::move(options)](Tape& tape, const Params& phi, const Params& carry,
                                            const MetaPosition& position) {
    Run run;
    const bool begins = carry.empty();
    if (begins) {
      run.key = position.key;
      run.length = length_at(o, position.step);
      Random random(run.key.split("length"));
      if (o.shortest > 0) run.length = o.shortest + random.below(run.length - o.shortest + 1);
      run.imitated = o.imitation > 0 && Random(run.key.split("imitate")).chance(o.imitation);
    } else {
      run = run_of(carry);
    }
    const tasks::OptimizeeInstance f = problem.sample(run.key.split("instance"), phi.dtype());
    if (begins) {
      run.at = start_of(f, optimizer, phi, run.key);
      if (run.imitated) run.teacher = o.teacher.init_state(f.initial, run.key.split("teacher"));
    }

    const std::int64_t steps = std::min(o.window, run.length - run.at.step);
    std::size_t tape_bytes = 0;
    Unrolled window = scratches->with(tape.threads(), [&](UnrollScratch& scratch) {
      Unrolled r =
          run.imitated
              ? imitate(f, optimizer, phi, o.teacher, run.at, run.teacher, run.key, steps, scratch)
              : unroll(f, optimizer, phi, run.at, run.key,
                       {.steps = steps, .order = o.order, .pass = o.pass, .objective = o.objective},
                       scratch);
      tape_bytes = scratch.peak_bytes();
      return r;
    });

    const bool lost =
        window.diverged || !std::isfinite(window.loss) || !std::isfinite(window.gradient.norm());
    MetaStep answer{.loss = window.loss, .gradient = std::move(window.gradient)};
    const double final_value = last_finite(window.losses);
    if (lost) {
      answer.loss = final_value;
      answer.gradient = phi.zeros_like();
    } else if (window.end.step < run.length) {
      run.at = std::move(window.end);
      answer.carry = carry_of(run);
    }
    answer.tape_bytes = tape_bytes;
    answer.measures = {
        {"final", final_value}, {"diverged", lost ? 1 : 0}, {"imitated", run.imitated ? 1 : 0}};
    return answer;
  };
  return objective;
}

}  // namespace metatape::metalearn
