#include "metatape/metalearn/optimizers/optimizer.hpp"

#include <optional>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"

namespace metatape::metalearn {

namespace {

// An optimizer whose φ is given: everything else is the inner one's. Without `update`: a rule's
// plain path knows its own rates alone.
struct WithPhi {
  AnyOptimizer inner;
  Params numbers;

  [[nodiscard]] std::string name() const { return inner.name(); }
  [[nodiscard]] std::string spec() const { return inner.spec(); }
  [[nodiscard]] Params phi(DType dtype) const { return numbers.to(dtype); }
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const {
    return inner.init(phi, theta, key);
  }
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const {
    return inner.step(phi, input, state);
  }
  [[nodiscard]] Bound query(const Bound& phi, const Bound& theta, const Bound& state) const {
    return inner.query(phi, theta, state);
  }
  [[nodiscard]] bool queries() const { return inner.queries(); }
  [[nodiscard]] bool reads_theta() const { return inner.reads_theta(); }
  [[nodiscard]] bool coordinatewise() const { return inner.coordinatewise(); }
  [[nodiscard]] int group(std::string_view tensor) const { return inner.group(tensor); }
  [[nodiscard]] bool has_sequence() const { return inner.has_sequence(); }
  [[nodiscard]] SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                        const Bound& state) const {
    return inner.sequence(phi, input, state);
  }
};

}  // namespace

AnyOptimizer::AnyOptimizer() : AnyOptimizer(Adam{}) {}

AnyOptimizer AnyOptimizer::with_phi(const Params& numbers) const {
  if (!(*numbers.layout() == *phi(numbers.dtype()).layout()))
    throw ShapeError(name() + ": numbers of " + std::to_string(numbers.entries().size()) +
                     " tensors and " + std::to_string(numbers.size()) +
                     " elements are not its own: equal names and shapes are needed");
  return WithPhi{*this, numbers};
}

void AnyOptimizer::update(Params& theta, const Params& gradient, Params& state,
                          const UpdateOptions& options) const {
  if (self_->plain(theta, gradient, state, options.step, options.rate_scale)) return;
  if (!(*theta.layout() == *gradient.layout()))
    throw ShapeError(name() + ": theta of " + std::to_string(theta.entries().size()) +
                     " tensors and " + std::to_string(theta.size()) + " elements, gradient of " +
                     std::to_string(gradient.entries().size()) + " and " +
                     std::to_string(gradient.size()) + ": equal names and shapes are needed");
  std::optional<Tape> own;
  Tape& tape = options.scratch ? *options.scratch : own.emplace(Recording::off);
  const Tape::Scope scope(tape);
  const OptimizerOutput out = self_->step(bind_constant(tape, phi(theta.dtype())),
                                          {.theta = bind_constant(tape, theta),
                                           .gradient = bind_constant(tape, gradient),
                                           .step = options.step,
                                           .rate_scale = options.rate_scale,
                                           .functions = options.functions},
                                          bind_constant(tape, state));
  theta.add_scaled(1, out.updates.value());
  state = out.state.value();
}

void AnyOptimizer::no_sequence(const std::string& name) {
  throw TapeError(name + ": it takes one step at a time");
}

}  // namespace metatape::metalearn
