// module.hpp: what a module is, and the mode it runs in.
// A module is a description without weights: an aggregate such as Linear{.in = 784, .out = 20}.
// Its weights are Params that it initialises and that a tape binds, so running it with adapted
// weights (p - rate * g) is the normal case. A nested module's names get its name and a dot.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/nn/statistics.hpp"

namespace metatape::nn {

/// How a pass runs. The default is evaluation, batch normalisation with the batch's own statistics.
struct Mode {
  bool training = false;  ///< dropout drops
  Key key{};              ///< of the dropout masks; every pass of training wants another
  /// What batch normalisation is to use; none: the statistics of the batch at hand (then items of a
  /// batch influence each other, at test too).
  std::optional<Statistics> statistics{};

  /// The mode of a nested module.
  [[nodiscard]] Mode inside(std::string_view name) const;
};

/// A result, and the statistics that the pass used.
struct Applied {
  Var output;
  Statistics statistics;
};

/// Anything with these two members. A module with batch normalisations inside has also
///   apply(p, x, mode) -> Applied          operator() is its output
///   init_statistics(dtype) -> Params      running ones to begin with: means 0, variances 1
template <class M>
concept Module = requires(const M& m, Key key, const Bound& p, Var x, const Mode& mode) {
  { m.init(key, DType::f32) } -> std::same_as<Params>;
  { m(p, x, mode) } -> std::same_as<Var>;
};

/// apply() of any module; one without statistics returns none.
template <Module M>
Applied apply(const M& module, const Bound& p, Var x, const Mode& mode) {
  if constexpr (requires { module.apply(p, x, mode); })
    return module.apply(p, x, mode);
  else
    return {module(p, x, mode), {}};
}

/// init_statistics() of any module; one without statistics has none.
template <Module M>
Params init_statistics(const M& module, DType dtype = DType::f32) {
  if constexpr (requires { module.init_statistics(dtype); })
    return module.init_statistics(dtype);
  else
    return {};
}

/// Any module behind one type, for those who hold a net that they did not write. Copies share the
/// description, which never changes.
class AnyModule {
 public:
  template <Module M>
  requires(!std::same_as<M, AnyModule>)
      AnyModule(M module)  // NOLINT(google-explicit-constructor): any module is an AnyModule
      : held_(std::make_shared<const Holding<M>>(std::move(module))) {}

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const {
    return held_->init(key, dtype);
  }
  [[nodiscard]] Params init_statistics(DType dtype = DType::f32) const {
    return held_->init_statistics(dtype);
  }
  [[nodiscard]] Applied apply(const Bound& p, Var x, const Mode& mode = {}) const {
    return held_->apply(p, x, mode);
  }
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const {
    return apply(p, x, mode).output;
  }

 private:
  struct Held {
    virtual ~Held() = default;
    [[nodiscard]] virtual Params init(Key key, DType dtype) const = 0;
    [[nodiscard]] virtual Params init_statistics(DType dtype) const = 0;
    [[nodiscard]] virtual Applied apply(const Bound& p, Var x, const Mode& mode) const = 0;
  };
  template <Module M>
  struct Holding final : Held {
    explicit Holding(M m) : module(std::move(m)) {}
    [[nodiscard]] Params init(Key key, DType dtype) const override {
      return module.init(key, dtype);
    }
    [[nodiscard]] Params init_statistics(DType dtype) const override {
      return nn::init_statistics(module, dtype);
    }
    [[nodiscard]] Applied apply(const Bound& p, Var x, const Mode& mode) const override {
      return nn::apply(module, p, x, mode);
    }
    M module;
  };
  std::shared_ptr<const Held> held_;
};

}  // namespace metatape::nn
