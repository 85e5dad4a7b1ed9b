// modules.hpp: a module's values against expected ones, and its derivatives against differences.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "catch.hpp"
#include "metatape/autodiff/check.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/module.hpp"

inline void check_values(const metatape::Tensor& found, const std::vector<double>& expected,
                         double margin = 1e-12) {
  const std::vector<double> values = found.to_vector();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i);
    CHECK(values[i] == Approx(expected[i]).epsilon(0).margin(margin));
  }
}

inline void check_values(const metatape::Tensor& found, const metatape::Tensor& expected,
                         double margin = 1e-12) {
  CHECK(found.shape() == expected.shape());
  check_values(found, expected.to_vector(), margin);
}

inline void check_derivatives(const metatape::CheckResult& r) {
  CHECK(r.first_order <= 1e-7);
  CHECK(r.recorded <= 1e-11);
  CHECK(r.second_order <= 1e-5);
}

/// Holds the derivatives of f in these inputs, first and second, to central differences.
inline void check_derivatives(const metatape::CheckedFunction& f,
                              const std::vector<metatape::Tensor>& inputs) {
  check_derivatives(metatape::check_gradients(f, inputs, {.draws = 2}));
}

/// The same of a module, in its parameters and its input.
template <metatape::nn::Module M>
void check_derivatives(const M& module, const metatape::Shape& input) {
  using namespace metatape;
  const Params start = module.init(Key{3}, DType::f64);
  check_derivatives(
      [&](std::span<const Var> x) { return module(Bound(start.layout(), x[0]), x[1], nn::Mode{}); },
      {start.flat(), uniform(input, Key{4}, -1, 1, DType::f64)});
}

/// A step on one batch, the loss of the stepped weights on another, and its gradient in the first
/// weights and both batches: what MAML asks of a module. The gradient goes through that of the
/// step, so it is second order; the value is held to that of weights stepped by hand.
template <metatape::nn::Module M>
void check_adapted(const M& module, const metatape::Shape& input) {
  using namespace metatape;
  constexpr double rate = 0.3;
  const Params start = module.init(Key{3}, DType::f64);
  const Tensor support = uniform(input, Key{4}, -1, 1, DType::f64);
  const Tensor query = uniform(input, Key{5}, -1, 1, DType::f64);
  // Neither even nor a plain sum: normalised outputs have moments of their own.
  const auto loss = [&](const Bound& p, Var x) {
    const Var y = module(p, x, nn::Mode{});
    return mean(sin(y + 0.5 * sum(square(x))) + exp(0.3 * y));
  };
  const auto adapted = [&](std::span<const Var> x) {
    const Bound p(start.layout(), x[0]);
    return loss(p - rate * recorded_grad(loss(p, x[1]), p), x[2]);
  };
  const std::vector<Tensor> inputs{start.flat(), support, query};
  const CheckResult r = check_gradients(adapted, inputs, {.draws = 2, .second = false});
  CHECK(r.first_order <= 1e-7);
  CHECK(r.recorded <= 1e-11);

  Tape tape;
  const Bound p = bind(tape, start);
  Params stepped = start;
  stepped.add_scaled(-rate, grad(loss(p, tape.constant(support)), p));
  const std::vector<Var> x{p.flat(), tape.constant(support), tape.constant(query)};
  CHECK(adapted(x).item() == Approx(loss(bind(tape, stepped), x[2]).item()).epsilon(1e-12));
}
