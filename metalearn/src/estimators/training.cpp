#include "metatape/metalearn/estimators/training.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../training/run_place.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/unroll/scratches.hpp"

namespace metatape::metalearn {

MetaObjective estimator_objective(System system, AnyEstimator estimator, bool stagger) {
  const auto scratches = std::make_shared<UnrollScratches>();
  MetaObjective objective;
  objective.step = [=, system = std::move(system), estimator = std::move(estimator)](
                       Tape& tape, const Params& phi, const Params& carry,
                       const MetaPosition& position) {
    const bool begins = carry.empty();
    detail::RunPlace place{position.key, {0, 0}};
    if (!begins) place = detail::place_in(carry["run"], 2);
    std::int64_t &at = place.counts[0], &length = place.counts[1];
    const Dynamics run = system(phi, place.key);
    const Key key = place.key.split("estimator");
    const std::int64_t window = std::clamp<std::int64_t>(estimator.window(run.steps), 1, run.steps);
    Params lives;
    if (begins) {
      length = run.steps;
      if (stagger && position.step == 0) {
        const std::int64_t windows = (run.steps + window - 1) / window;
        length -= position.slot * windows / position.batch * window;
      }
      lives = estimator.begin(run, phi, key);
    } else {
      lives = carry.inside("carry");
    }
    const Window next{at, std::min(at + window, run.steps)};
    MetaStep answer;
    const Estimate e = scratches->with(tape.threads(), [&](UnrollScratch& scratch) {
      Estimate part = estimator.advance(run, phi, next, key, scratch, lives);
      answer.tape_bytes = scratch.peak_bytes();
      return part;
    });
    answer.loss = e.loss;
    answer.gradient = e.gradient;
    const bool lost =
        e.diverged || !std::isfinite(answer.loss) || !std::isfinite(answer.gradient.norm());
    if (lost) {
      answer.loss = 0;
      answer.gradient = phi.zeros_like();
    }
    at = next.to;
    if (!lost && at < length)
      answer.carry =
          Params::join({Params({{"run", detail::place_of(place.key, place.counts, phi.dtype())}}),
                        lives.prefixed("carry")});
    const auto steps = static_cast<double>(next.to - next.from);
    answer.measures = {{"final", answer.loss / steps}, {"diverged", lost ? 1 : 0}};
    return answer;
  };
  return objective;
}

}  // namespace metatape::metalearn
