// optimizer.hpp: what an optimizer is, learned or hand-crafted.
// It has numbers φ (rates, or the weights of a network), a state between steps, and a step: from
// (θ, gradient) to an update. Recorded on a tape all of these are Bounds, so that any optimizer can
// be differentiated through, Adam too; between runs φ and the state are Params.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::metalearn {

/// What a step reads; Vars of one tape.
struct OptimizerInput {
  Bound theta;            ///< where we are
  Bound gradient;         ///< of the loss there, θ's layout
  Var loss{};             ///< its value, one element; may be left out unless the optimizer reads it
  std::int64_t step = 0;  ///< from 0
  double rate_scale = 1;  ///< a schedule's factor on the learning rate
  int functions = 1;      ///< independent functions side by side, the leading axis of each tensor
};

/// Of a step without a tape of the caller's.
struct UpdateOptions {
  std::int64_t step = 0;    ///< as in OptimizerInput
  double rate_scale = 1;    ///< as in OptimizerInput
  int functions = 1;        ///< as in OptimizerInput
  Tape* scratch = nullptr;  ///< of Recording::off, empty again afterwards: its memory stays warm
                            ///< from step to step; null: one is made
};

struct OptimizerOutput {
  Bound updates;  ///< θ_{t+1} = θ_t + updates
  Bound state;
};

/// Many steps at once of coordinates whose gradients are all known beforehand.
struct SequenceInput {
  Var gradients{};            ///< [steps, coordinates]
  std::string_view tensor{};  ///< of θ, that they belong to; of several of one group, any
  std::int64_t step = 0;      ///< of the first, from 0
  double rate_scale = 1;
};

struct SequenceOutput {
  Var updates{};  ///< [steps, coordinates]
  Bound state{};  ///< after the last
};

/// Nothing to inherit from: a type with these is an optimizer. Optional members:
/// - `std::string spec()`: what optimizer_by_name makes the same from; name() where missing.
/// - `reads_theta`: the update depends on θ itself. `coordinatewise`: coordinates do not see each
///   other; then every tensor of the state has coordinates, θ's in their order, as its last axis, a
///   step of some of them is what it is among all, to the last bit, and θ may come under another
///   layout than its own. Each a `static constexpr bool` or a `bool` member function, false where
///   missing.
/// - `int group(std::string_view tensor)`: coordinatewise, but tensors of θ of different groups are
///   treated by different numbers; such are never handed to `sequence` together.
/// - `SequenceOutput sequence(const Bound& phi, const SequenceInput&, const Bound& state)` of a
///   coordinatewise optimizer that does not read θ: `steps` steps at once, as if one by one.
/// - `Bound query(const Bound& phi, const Bound& theta, const Bound& state)`: where the next
///   gradient is to be taken, θ itself where missing.
/// - `void update(Params& theta, const Params& gradient, Params& state, std::int64_t step, double
///   rate_scale)`: a step without a tape, in place.
template <class O>
concept Optimizer = requires(const O& o, DType dtype, const Params& p, Key key, const Bound& b,
                             const OptimizerInput& input) {
  { o.name() } -> std::convertible_to<std::string>;
  { o.phi(dtype) } -> std::same_as<Params>;
  { o.init(p, p, key) } -> std::same_as<Params>;             // (phi, theta, key) -> the first state
  { o.step(b, input, b) } -> std::same_as<OptimizerOutput>;  // (phi, input, state)
};

/// A rule that treats each coordinate alike (hand_crafted.hpp); it becomes an Optimizer there.
template <class R>
concept ElementwiseRule = requires(const R& r) {
  R::rule_name;
  R::state_names;
  r.rates();
};

/// Any optimizer, as a value; copies share it. By default Adam.
class AnyOptimizer {
 public:
  AnyOptimizer();
  template <ElementwiseRule R>
  AnyOptimizer(R rule);  // NOLINT(google-explicit-constructor): see hand_crafted.hpp
  template <Optimizer O>
  requires(!std::same_as<O, AnyOptimizer>)
      AnyOptimizer(O optimizer)  // NOLINT(google-explicit-constructor): an optimizer is one
      : self_(std::make_shared<const Model<O>>(std::move(optimizer))) {}

  [[nodiscard]] std::string name() const { return self_->name(); }
  [[nodiscard]] std::string spec() const { return self_->spec(); }
  [[nodiscard]] Params phi(DType dtype = DType::f32) const { return self_->phi(dtype); }
  /// The same optimizer with these numbers, trained ones: phi() is `phi`. ShapeError when their
  /// names and shapes are not phi()'s.
  [[nodiscard]] AnyOptimizer with_phi(const Params& phi) const;
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const {
    return self_->init(phi, theta, key);
  }
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const {
    return self_->step(phi, input, state);
  }
  [[nodiscard]] Bound query(const Bound& phi, const Bound& theta, const Bound& state) const {
    return self_->query(phi, theta, state);
  }
  [[nodiscard]] bool queries() const { return self_->queries(); }  ///< query is not just θ
  [[nodiscard]] bool reads_theta() const { return self_->reads_theta(); }
  [[nodiscard]] bool coordinatewise() const { return self_->coordinatewise(); }
  [[nodiscard]] int group(std::string_view tensor) const { return self_->group(tensor); }
  [[nodiscard]] bool has_sequence() const { return self_->has_sequence(); }
  /// TapeError where there is none.
  [[nodiscard]] SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                        const Bound& state) const {
    return self_->sequence(phi, input, state);
  }

  // ---- without a tape, with the optimizer's own φ ----
  /// The state before the first step.
  [[nodiscard]] Params init_state(const Params& theta, Key key = Key{}) const {
    return init(phi(theta.dtype()), theta, key);
  }
  /// θ and the state, stepped in place. An optimizer with an `update` of its own allocates nothing
  /// where nobody shares their buffers; another makes its step on a tape. ShapeError
  /// when layouts differ, DTypeError when types do.
  void update(Params& theta, const Params& gradient, Params& state, std::int64_t step,
              double rate_scale = 1) const {
    update(theta, gradient, state, {.step = step, .rate_scale = rate_scale});
  }
  void update(Params& theta, const Params& gradient, Params& state,
              const UpdateOptions& options) const;

 private:
  struct Interface {
    virtual ~Interface() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::string spec() const = 0;
    [[nodiscard]] virtual Params phi(DType dtype) const = 0;
    [[nodiscard]] virtual Params init(const Params& phi, const Params& theta, Key key) const = 0;
    [[nodiscard]] virtual OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                               const Bound& state) const = 0;
    [[nodiscard]] virtual Bound query(const Bound& phi, const Bound& theta,
                                      const Bound& state) const = 0;
    [[nodiscard]] virtual bool queries() const = 0;
    [[nodiscard]] virtual bool reads_theta() const = 0;
    [[nodiscard]] virtual bool coordinatewise() const = 0;
    [[nodiscard]] virtual int group(std::string_view tensor) const = 0;
    [[nodiscard]] virtual bool has_sequence() const = 0;
    [[nodiscard]] virtual SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                                  const Bound& state) const = 0;
    virtual bool plain(Params& theta, const Params& gradient, Params& state, std::int64_t step,
                       double rate_scale) const = 0;  // false: there is no plain path
  };

  template <Optimizer O>
  struct Model final : Interface {
    explicit Model(O o) : optimizer(std::move(o)) {}
    O optimizer;
    [[nodiscard]] std::string name() const override { return optimizer.name(); }
    [[nodiscard]] std::string spec() const override {
      if constexpr (requires { optimizer.spec(); }) return optimizer.spec();
      return optimizer.name();
    }
    [[nodiscard]] Params phi(DType dtype) const override { return optimizer.phi(dtype); }
    [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const override {
      return optimizer.init(phi, theta, key);
    }
    [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                       const Bound& state) const override {
      return optimizer.step(phi, input, state);
    }
    [[nodiscard]] Bound query(const Bound& phi, const Bound& theta,
                              const Bound& state) const override {
      if constexpr (requires { optimizer.query(phi, theta, state); })
        return optimizer.query(phi, theta, state);
      return theta;
    }
    [[nodiscard]] bool queries() const override {
      if constexpr (requires { optimizer.queries(); }) return optimizer.queries();
      return requires(const Bound& b) { optimizer.query(b, b, b); };
    }
    [[nodiscard]] bool reads_theta() const override {
      if constexpr (requires { optimizer.reads_theta(); })
        return optimizer.reads_theta();
      else if constexpr (requires { O::reads_theta; })
        return O::reads_theta;
      return false;
    }
    [[nodiscard]] bool coordinatewise() const override {
      if constexpr (requires { optimizer.coordinatewise(); })
        return optimizer.coordinatewise();
      else if constexpr (requires { O::coordinatewise; })
        return O::coordinatewise;
      return false;
    }
    [[nodiscard]] int group(std::string_view tensor) const override {
      if constexpr (requires { optimizer.group(tensor); }) return optimizer.group(tensor);
      return 0;
    }
    [[nodiscard]] bool has_sequence() const override {
      if constexpr (requires { optimizer.has_sequence(); }) return optimizer.has_sequence();
      return requires(const Bound& b, const SequenceInput& i) { optimizer.sequence(b, i, b); };
    }
    [[nodiscard]] SequenceOutput sequence(const Bound& phi, const SequenceInput& input,
                                          const Bound& state) const override {
      if constexpr (requires { optimizer.sequence(phi, input, state); })
        return optimizer.sequence(phi, input, state);
      no_sequence(name());
    }
    bool plain(Params& theta, const Params& gradient, Params& state, std::int64_t step,
               double rate_scale) const override {
      if constexpr (requires { optimizer.update(theta, gradient, state, step, rate_scale); }) {
        optimizer.update(theta, gradient, state, step, rate_scale);
        return true;
      }
      return false;
    }
  };

  [[noreturn]] static void no_sequence(const std::string& name);

  std::shared_ptr<const Interface> self_;
};

}  // namespace metatape::metalearn
