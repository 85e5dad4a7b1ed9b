// estimator.hpp: ways to get the gradient of a run, exact, cut, sampled: all answer one question.
// A run is answered window by window, each with its share of dL/dφ and what lives on to the next
// (a state, tangents, particles). At a fixed φ the shares add up to an estimate of dL/dφ
// (estimate); in training φ moves after each (estimator_objective, training.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metatape/metalearn/estimators/dynamics.hpp"
#include "metatape/metalearn/unroll/unroll.hpp"

namespace metatape::metalearn {

/// A run's window [from, to), of which ℓ_{from+1} .. ℓ_to count, ℓ_0 in the first.
struct Window {
  std::int64_t from = 0, to = 0;
};

struct Estimate {
  double loss = 0;    ///< Σ ℓ_t over the window; of sampled runs the mean
  Params gradient{};  ///< φ's layout
  /// Bytes of what is kept from step to step beside the tapes: states, tangents, particles.
  std::size_t kept_bytes = 0;
  /// The step whose ℓ or state is not finite; loss is infinite then, the gradient zeros.
  std::optional<std::int64_t> diverged{};
};

/// Nothing to inherit from: a type with these is an estimator.
/// - `name()`: as estimator_by_name reads it, "pes:64:5".
/// - `window(T)`: the steps after which it answers; T for those that want the whole run.
/// - `begin(run, φ, key)`: what lives on, before the first window.
/// - `advance(run, φ, window, key, scratch, carry)`: one window; `carry` is replaced. `key` is the
///   same for all windows of a run: draws are of key.split(particle).split(window.from).
/// Optional: `bool draws()`, false where every key gives the same; true where missing.
template <class E>
concept GradientEstimator = requires(const E& e, const Dynamics& run, const Params& phi, Window w,
                                     Key key, UnrollScratch& scratch, Params& carry) {
  { e.name() } -> std::convertible_to<std::string>;
  { e.window(std::int64_t{}) } -> std::same_as<std::int64_t>;
  { e.begin(run, phi, key) } -> std::same_as<Params>;
  { e.advance(run, phi, w, key, scratch, carry) } -> std::same_as<Estimate>;
};

/// Any estimator, as a value; copies share it. By default reverse mode, exact, of the whole run.
class AnyEstimator {
 public:
  AnyEstimator();
  template <GradientEstimator E>
  requires(!std::same_as<E, AnyEstimator>)
      AnyEstimator(E estimator)  // NOLINT(google-explicit-constructor): an estimator is one
      : self_(std::make_shared<const Model<E>>(std::move(estimator))) {}

  [[nodiscard]] std::string name() const { return self_->name(); }
  [[nodiscard]] std::int64_t window(std::int64_t steps) const { return self_->window(steps); }
  [[nodiscard]] bool draws() const { return self_->draws(); }
  [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const {
    return self_->begin(run, phi, key);
  }
  Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                   UnrollScratch& scratch, Params& carry) const {
    return self_->advance(run, phi, window, key, scratch, carry);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::int64_t window(std::int64_t steps) const = 0;
    [[nodiscard]] virtual bool draws() const = 0;
    [[nodiscard]] virtual Params begin(const Dynamics& run, const Params& phi, Key key) const = 0;
    virtual Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                             UnrollScratch& scratch, Params& carry) const = 0;
  };
  template <GradientEstimator E>
  struct Model final : Interface {
    explicit Model(E e) : estimator(std::move(e)) {}
    E estimator;
    [[nodiscard]] std::string name() const override { return estimator.name(); }
    [[nodiscard]] std::int64_t window(std::int64_t steps) const override {
      return estimator.window(steps);
    }
    [[nodiscard]] bool draws() const override {
      if constexpr (requires { estimator.draws(); }) return estimator.draws();
      return true;
    }
    [[nodiscard]] Params begin(const Dynamics& run, const Params& phi, Key key) const override {
      return estimator.begin(run, phi, key);
    }
    Estimate advance(const Dynamics& run, const Params& phi, Window window, Key key,
                     UnrollScratch& scratch, Params& carry) const override {
      return estimator.advance(run, phi, window, key, scratch, carry);
    }
  };
  std::shared_ptr<const Interface> self_;
};

/// dL/dφ of a whole run at a fixed φ: the sum over its windows. DTypeError when φ and the state
/// differ in type, ShapeError when a step changes the state's layout.
Estimate estimate(const AnyEstimator& estimator, const Dynamics& run, const Params& phi, Key key,
                  UnrollScratch& scratch);
Estimate estimate(const AnyEstimator& estimator, const Dynamics& run, const Params& phi,
                  Key key = Key{}, Threads* threads = nullptr);

/// L of a whole run at φ, without a gradient; infinite where it diverges.
double run_loss(const Dynamics& run, const Params& phi, UnrollScratch& scratch);

}  // namespace metatape::metalearn
