// training.cpp: the carry of a run between windows, and what begins and ends one.
#include "metatape/metalearn/unroll/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

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

// As Params, exact in float32: the key in pieces of 16 bits, counts below 2^24.
constexpr std::int64_t pieces = 8;
constexpr std::int64_t largest_count = std::int64_t{1} << 24;

Params carry_of(const Run& run) {
  std::vector<double> numbers;
  for (const std::uint64_t word : run.key.words())
    for (int shift = 0; shift < 64; shift += 16)
      numbers.push_back(static_cast<double>((word >> shift) & 0xffff));
  numbers.push_back(static_cast<double>(run.at.step));
  numbers.push_back(static_cast<double>(run.length));
  numbers.push_back(run.imitated ? 1 : 0);
  const DType dtype = run.at.theta.dtype();
  const Tensor place = Tensor({pieces + 3}, std::span<const double>(numbers)).to(dtype);
  return Params::join({Params({{"run", place}}), run.at.theta.prefixed("theta"),
                       run.at.state.prefixed("state"), run.teacher.prefixed("teacher")});
}

Key key_of(const std::vector<double>& numbers) {
  std::array<std::uint64_t, 2> words{};
  for (std::size_t i = 0; i < pieces; ++i)
    words[i / 4] |= static_cast<std::uint64_t>(numbers[i]) << (16 * (i % 4));
  return Key::of_words(words);
}

Run run_of(const Params& carry) {
  const std::vector<double> numbers = carry["run"].to_vector();
  if (numbers.size() != pieces + 3)
    throw DataError(fmt::format("unroll: a carry whose 'run' has {} numbers, not {}",
                                numbers.size(), pieces + 3));
  return {.key = key_of(numbers),
          .length = static_cast<std::int64_t>(numbers[pieces + 1]),
          .imitated = numbers[pieces + 2] != 0,
          .at = {carry.inside("theta"), carry.inside("state"),
                 static_cast<std::int64_t>(numbers[pieces])},
          .teacher = carry.inside("teacher")};
}

void check(const UnrollTraining& o) {
  const auto length = [&](std::int64_t steps) {
    if (steps < 1 || steps >= largest_count)
      throw DataError(fmt::format("unroll training: runs of {} steps: 1 to {} are possible", steps,
                                  largest_count - 1));
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
    Unrolled window = scratches->with(tape.threads(), tape.profile(), [&](UnrollScratch& scratch) {
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
