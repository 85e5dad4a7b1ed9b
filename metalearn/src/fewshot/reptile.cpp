#include "metatape/metalearn/fewshot/reptile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"

namespace metatape::metalearn {

namespace {

constexpr const char* steps_name = "steps";

// Adam between episodes: its moments, and how many steps they have seen.
struct Moments {
  Params state;
  std::int64_t steps = 0;
};

Moments moments_of(const AnyOptimizer& adam, const Params& weights, const Params& carry) {
  if (carry.empty()) return {adam.init_state(weights), 0};
  return {carry.inside("adam"), std::llround(carry[steps_name].at(0))};
}

Params carry_of(const Moments& m) {
  return Params::join(
      {m.state.prefixed("adam"),
       Params({{steps_name, Tensor::full({1}, static_cast<double>(m.steps), m.state.dtype())}})});
}

// Positions of a set, mini-batch after mini-batch: all of them in a shuffled order, and so again.
class Minibatches {
 public:
  Minibatches(std::int64_t images, int batch, Key key)
      : random_(key),
        order_(static_cast<std::size_t>(images)),
        batch_(
            std::min(order_.size(), batch > 0 ? static_cast<std::size_t>(batch) : order_.size())),
        next_(order_.size()) {
    std::iota(order_.begin(), order_.end(), 0);
  }
  Indices next() {
    std::vector<std::int32_t> some;
    while (some.size() < batch_) {
      if (next_ == order_.size()) {
        random_.shuffle(order_);
        next_ = 0;
      }
      some.push_back(order_[next_++]);
    }
    return Indices(std::move(some));
  }

 private:
  Random random_;
  std::vector<std::int32_t> order_;
  std::size_t batch_, next_;
};

struct Inner {
  int steps, batch;
};

void descend(const Reptile& r, Inner inner, Tape& tape, Params& weights, Moments& moments,
             const AnyOptimizer& adam, const Tensor& support, const Indices& labels, Key key) {
  Minibatches batches(support.shape()[0], inner.batch, key);
  for (int step = 0; step < inner.steps; ++step) {
    const Indices some = batches.next();
    Params g;
    {
      const Tape::Scope scope(tape);
      const Bound p = bind(tape, weights);
      g = grad(classification_loss(r.network, p, tape.constant(support), labels, some), p);
    }
    adam.update(weights, g, moments.state, moments.steps++);
  }
}

AnyOptimizer adam_of(const Reptile& r) { return Adam{.learning_rate = r.rate, .beta1 = 0}; }

}  // namespace

Params Reptile::init(Key key) const {
  if (steps < 0 || test_steps < 0 || batch < 0 || test_batch < 0)
    throw DataError(
        fmt::format("reptile: {} steps on {} images, at test {} on {}: none may be below 0", steps,
                    batch, test_steps, test_batch));
  if (statistics == StatisticsFrom::running)
    throw DataError("reptile: it keeps no running statistics: batch or support is expected");
  return network.init(key);
}

MetaStep Reptile::objective(Tape& tape, const Params& phi, const Params& carry,
                            const tasks::Episode& e, Key key) const {
  require_head(name(), network, static_cast<int>(e.plan.classes.size()));
  const AnyOptimizer adam = adam_of(*this);
  Params weights = phi;
  Moments moments = moments_of(adam, phi, carry);
  descend(*this, {steps, batch}, tape, weights, moments, adam, e.support, e.support_labels, key);
  MetaStep answer;
  {
    const Tape::Scope scope(tape);
    const QueryPass q = query_pass(network, statistics, bind_constant(tape, weights), e, {});
    answer.loss = q.loss.item();
    answer.measures = {{"accuracy", q.accuracy}};
  }
  answer.gradient = phi;
  answer.gradient.add_scaled(-1, weights);
  answer.carry = carry_of(moments);
  return answer;
}

Classifier Reptile::adapt(Tape& tape, const Params& phi, const Params& carry, const Tensor& support,
                          const Indices& labels, int way) const {
  require_head(name(), network, way);
  const StepTape own(tape);
  const AnyOptimizer adam = adam_of(*this);
  Params weights = phi;
  Moments moments = moments_of(adam, phi, carry);
  descend(*this, {test_steps, test_batch}, own.tape(), weights, moments, adam, support, labels,
          Key{1}.split("adapt"));
  return adapted_classifier(network, statistics, tape, std::move(weights), support, {});
}

}  // namespace metatape::metalearn
