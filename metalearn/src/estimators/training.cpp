#include "metatape/metalearn/estimators/training.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "../training/run_place.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

// Scratches for calls under way; kept for those to come.
class Scratches {
 public:
  std::unique_ptr<EstimatorScratch> take(Threads* threads) {
    const std::scoped_lock lock(mutex_);
    if (spare_.empty() || spare_.back()->threads() != threads)
      return std::make_unique<EstimatorScratch>(threads);
    std::unique_ptr<EstimatorScratch> s = std::move(spare_.back());
    spare_.pop_back();
    return s;
  }
  void give(std::unique_ptr<EstimatorScratch> s) {
    const std::scoped_lock lock(mutex_);
    spare_.push_back(std::move(s));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<EstimatorScratch>> spare_;
};

}  // namespace

MetaObjective estimator_objective(System system, AnyEstimator estimator, bool stagger) {
  const auto scratches = std::make_shared<Scratches>();
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
    std::unique_ptr<EstimatorScratch> scratch = scratches->take(tape.threads());
    Estimate e = estimator.advance(run, phi, next, key, *scratch, lives);
    MetaStep answer{.loss = e.loss, .gradient = std::move(e.gradient)};
    answer.tape_bytes = scratch->peak_bytes();
    scratches->give(std::move(scratch));
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
