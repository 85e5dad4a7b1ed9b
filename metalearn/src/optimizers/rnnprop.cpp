#include "metatape/metalearn/optimizers/rnnprop.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lstm_stack.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/columnwise.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/init.hpp"

namespace metatape::metalearn {

namespace {

detail::LstmStack stack_of(const RnnProp& o) {
  return {.in = o.hidden, .hidden = o.hidden, .layers = o.layers, .forget_bias = o.forget_bias};
}

}  // namespace

std::string RnnProp::spec() const {
  return fmt::format("rnnprop:layers={},hidden={},alpha={},beta={},epsilon={},forget_bias={}",
                     layers, hidden, alpha, beta, epsilon, forget_bias);
}

Params RnnProp::phi(DType dtype) const {
  detail::require_at_least(kind, "layers", layers, 1);
  detail::require_at_least(kind, "hidden", hidden, 1);
  if (!(beta >= 0 && beta < 1))
    throw DataError(fmt::format("rnnprop: beta = {}: 0 to below 1 is expected", beta));
  if (!(epsilon > 0))
    throw DataError(fmt::format("rnnprop: epsilon = {}: above 0 is expected", epsilon));
  constexpr double deviation = 0.1;
  const Key at = key.split("rnnprop");
  detail::Named all;
  all.emplace_back("input.weight",
                   nn::truncated_normal({hidden, 2}, at.split("input"), deviation, dtype));
  all.emplace_back("input.bias", Tensor::zeros({hidden}, dtype));
  stack_of(*this).add_weights(all, deviation, at, dtype);
  all.emplace_back("output.weight",
                   nn::truncated_normal({1, hidden}, at.split("output"), deviation, dtype));
  all.emplace_back("output.bias", Tensor::zeros({1}, dtype));
  return Params(all);
}

Params RnnProp::init(const Params&, const Params& theta, Key) const {
  detail::Shapes all;
  for (const char* moment : {"mean", "square"}) all.emplace_back(moment, Shape{theta.size()});
  stack_of(*this).add_state(all, theta.size());
  return detail::zero_state(std::move(all), theta);
}

SequenceOutput RnnProp::sequence(const Bound& phi, const SequenceInput& in,
                                 const Bound& state) const {
  const std::int64_t steps = in.gradients.shape()[0];
  Var mean = state["mean"], square_mean = state["square"];
  std::vector<Var> seen;
  for (std::int64_t t = 0; t < steps; ++t) {
    const Var g = row(in.gradients, t);
    mean = beta * mean + (1 - beta) * g;
    square_mean = beta * square_mean + (1 - beta) * square(g);
    const double warm = 1 / (1 - std::pow(beta, static_cast<double>(in.step + t + 1)));
    const Var share = rsqrt(affine(square_mean, warm, epsilon * epsilon));
    seen.push_back(stack({g * share, warm * mean * share}));
  }
  if (seen.empty()) return {in.gradients, state};
  const Var z = elu(linear_columns(stack(seen), phi["input.weight"], phi["input.bias"]));
  std::vector<Var> after{mean, square_mean};
  const Var h = stack_of(*this).run(phi, z, state, after);
  const Var y = tanh(linear_columns(h, phi["output.weight"], phi["output.bias"]));
  return {reshape(y, in.gradients.shape()) * (-alpha * in.rate_scale),
          Bound(state.layout(), std::move(after))};
}

OptimizerOutput RnnProp::step(const Bound& phi, const OptimizerInput& in,
                              const Bound& state) const {
  SequenceOutput out = sequence(
      phi,
      {.gradients = unsqueeze(in.gradient.flat(), 0), .step = in.step, .rate_scale = in.rate_scale},
      state);
  return {Bound(in.gradient.layout(), reshape(out.updates, Shape{out.updates.size()})),
          std::move(out.state)};
}

}  // namespace metatape::metalearn
