// optimizee.hpp: what an optimizer is trained and judged on: families of functions.
// An optimizee draws instances by key; an instance is one function (or several side by side) and
// the point where its minimisation starts. Whoever minimises it sees only this.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::tasks {

/// A function of parameters, recorded on their tape. `key` decides what is random in it, a
/// minibatch; step t of a run hands in key.split("step", t).
using ParameterLoss = std::function<Var(const Bound& theta, Key key)>;

/// The same with numbers of its own.
using SettingsLoss = std::function<Var(const Bound& theta, const Bound& settings, Key key)>;

/// A function to be minimised, and where the minimisation starts.
struct OptimizeeInstance {
  Params initial{};
  /// What gradients are taken of: [] or, of several independent functions side by side,
  /// [functions], whose sum is differentiated (so each function has the gradient it has alone).
  ParameterLoss loss{};
  /// What is judged, of loss's shape; empty: the loss itself.
  ParameterLoss objective{};
  int functions = 1;  ///< how many independent functions stand side by side in `initial`

  /// Numbers of the function itself that a gradient may be asked of, a penalty, say; empty: none.
  Params settings{};
  /// `loss` and `objective` at settings of the caller's; `loss` is loss_with at `settings`.
  SettingsLoss loss_with{};
  SettingsLoss objective_with{};
};

/// Nothing to inherit from: a type with these is one. `sample` may be called from several threads.
template <class O>
concept Optimizee = requires(const O& o, Key key, DType dtype) {
  { o.name() } -> std::convertible_to<std::string>;
  { o.sample(key, dtype) } -> std::same_as<OptimizeeInstance>;
};

/// Any optimizee, as a value; copies share it.
class AnyOptimizee {
 public:
  AnyOptimizee() = default;
  template <Optimizee O>
  requires(!std::same_as<O, AnyOptimizee>)
      AnyOptimizee(O optimizee)  // NOLINT(google-explicit-constructor): an optimizee is one
      : self_(std::make_shared<const Model<O>>(std::move(optimizee))) {}

  [[nodiscard]] std::string name() const { return self_->name(); }
  [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype = DType::f32) const {
    return self_->sample(key, dtype);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual OptimizeeInstance sample(Key key, DType dtype) const = 0;
  };
  template <Optimizee O>
  struct Model final : Interface {
    explicit Model(O o) : optimizee(std::move(o)) {}
    O optimizee;
    [[nodiscard]] std::string name() const override { return optimizee.name(); }
    [[nodiscard]] OptimizeeInstance sample(Key key, DType dtype) const override {
      return optimizee.sample(key, dtype);
    }
  };
  std::shared_ptr<const Interface> self_;
};

/// A problem of one's own: always this function, always from `initial` (cast to the type asked
/// for).
///
///   auto problem = tasks::optimizee(initial, [&](const Bound& p, Key key) {
///     return mean(square(matmul(batch(key), p["weight"]) - targets(key)));
///   });
AnyOptimizee optimizee(Params initial, ParameterLoss loss, std::string name = "user's problem");

}  // namespace metatape::tasks
