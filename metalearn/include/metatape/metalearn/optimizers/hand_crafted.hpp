// hand_crafted.hpp: optimizers that people wrote.
// g is the gradient, lr the learning rate (times the schedule's factor), t counts from 1, vectors
// are elementwise. Defaults and conventions are PyTorch's where papers differ: where epsilon
// stands, what momentum multiplies.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "metatape/metalearn/optimizers/optimizer.hpp"

namespace metatape::metalearn {

/// One of a rule's numbers, an entry of φ: differentiable like any weight.
struct Rate {
  const char* name;
  double value;
  double least, most;  ///< what makes sense, checked where a user writes it
};
using Rates = std::vector<Rate>;

/// θ -= lr g. Robbins and Monro (1951).
struct Sgd {
  double learning_rate = 0.01;

  static constexpr const char* rule_name = "sgd";
  static constexpr std::array<const char*, 0> state_names{};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// v = momentum v + g;  θ -= lr v. Polyak (1964).
struct Momentum {
  double learning_rate = 0.01, momentum = 0.9;

  static constexpr const char* rule_name = "momentum";
  static constexpr std::array state_names{"velocity"};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// v = momentum v + g;  θ -= lr (g + momentum v). Nesterov (1983), in the form of Sutskever et al.
/// (2013) whose θ is the point looked ahead to, so that the gradient is taken at θ itself.
struct Nesterov {
  double learning_rate = 0.01, momentum = 0.9;

  static constexpr const char* rule_name = "nesterov";
  static constexpr std::array state_names{"velocity"};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// s = decay s + (1 - decay) g²;  θ -= lr g / (√s + epsilon). Tieleman and Hinton (2012).
struct RmsProp {
  double learning_rate = 0.01, decay = 0.99, epsilon = 1e-8;

  static constexpr const char* rule_name = "rmsprop";
  static constexpr std::array state_names{"square"};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// s = s + g²;  θ -= lr g / (√s + epsilon). Duchi, Hazan and Singer (2011).
struct Adagrad {
  double learning_rate = 0.01, epsilon = 1e-10;

  static constexpr const char* rule_name = "adagrad";
  static constexpr std::array state_names{"square"};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g²;
/// θ -= lr (m / (1 - beta1^t)) / (√(s / (1 - beta2^t)) + epsilon). Kingma and Ba (2015).
struct Adam {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

  static constexpr const char* rule_name = "adam";
  static constexpr std::array state_names{"mean", "square"};
  static constexpr bool reads_theta = false;
  [[nodiscard]] Rates rates() const;
};

/// Adam, and θ -= lr weight_decay θ. Loshchilov and Hutter (2019).
struct AdamW {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;

  static constexpr const char* rule_name = "adamw";
  static constexpr std::array state_names{"mean", "square"};
  static constexpr bool reads_theta = true;
  [[nodiscard]] Rates rates() const;
};

/// The Optimizer of a rule: φ holds its rates as scalars, the state a vector of θ's size for each
/// of its state_names, zeros at first. Its formula stands once, in hand_crafted.cpp, for numbers
/// and for Vars.
template <ElementwiseRule R>
struct HandCrafted {
  R rule{};

  static constexpr bool reads_theta = R::reads_theta;
  static constexpr bool coordinatewise = true;

  [[nodiscard]] std::string name() const { return R::rule_name; }
  [[nodiscard]] std::string spec() const;
  [[nodiscard]] Params phi(DType dtype) const;
  [[nodiscard]] Params init(const Params& phi, const Params& theta, Key key) const;
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const;
  /// The same without a tape, in place.
  void update(Params& theta, const Params& gradient, Params& state, std::int64_t step,
              double rate_scale) const;
};

extern template struct HandCrafted<Sgd>;
extern template struct HandCrafted<Momentum>;
extern template struct HandCrafted<Nesterov>;
extern template struct HandCrafted<RmsProp>;
extern template struct HandCrafted<Adagrad>;
extern template struct HandCrafted<Adam>;
extern template struct HandCrafted<AdamW>;

template <ElementwiseRule R>
AnyOptimizer::AnyOptimizer(R rule) : AnyOptimizer(HandCrafted<R>{std::move(rule)}) {}

}  // namespace metatape::metalearn
