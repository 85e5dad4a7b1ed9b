#include "metatape/metalearn/optimizers/meta_lstm.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lstm_stack.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/columnwise.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/structure.hpp"

namespace metatape::metalearn {

namespace {

constexpr std::int64_t inputs = 4;

detail::LstmStack stack_of(const MetaLstm& o) {
  return {.in = inputs, .hidden = o.hidden, .layers = o.layers, .forget_bias = 0};
}

void require_range(const char* what, double low, double high) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high))
    throw DataError(
        fmt::format("{}: {} from {} to {}: the first is to be no larger than the second",
                    MetaLstm::kind, what, low, high));
}

// [1, inputs, columns]: loss, then gradient.
Var seen(const MetaLstm& o, Var loss, Var gradient) {
  std::vector<Var> all;
  for (const Var x : detail::in_logs(reshape(loss, {1}), o.p))
    all.push_back(broadcast_to(x, gradient.shape()));
  for (const Var x : detail::in_logs(gradient, o.p)) all.push_back(x);
  return unsqueeze(stack(all), 0);
}

}  // namespace

Params MetaLstm::phi(DType dtype) const {
  detail::require_at_least(kind, "layers", layers, 1);
  detail::require_at_least(kind, "hidden", hidden, 1);
  detail::require_logs(kind, p);
  require_range("a forget bias", forget_low, forget_high);
  require_range("an input bias", input_low, input_high);
  if (!(grad_scale > 0) || !std::isfinite(grad_scale))
    throw DataError(fmt::format("{}: grad_scale = {}: above 0 is expected", kind, grad_scale));
  constexpr double spread = 0.01;
  const Key at = key.split(kind);
  detail::Named all;
  stack_of(*this).add_weights(all, spread, at, dtype);
  all.emplace_back("gates.weight", Tensor::zeros({2, hidden + 2}, dtype));
  for (auto& [tensor, value] : all)
    value = uniform(value.shape(), at.split(tensor), -spread, spread, dtype);
  Random random(at.split("gates.bias"));
  const double f = random.uniform(forget_low, forget_high),
               i = random.uniform(input_low, input_high);
  all.emplace_back("gates.bias", Tensor({2}, {f, i}).to(dtype));
  return Params(all);
}

Params MetaLstm::init(const Params&, const Params& theta, Key) const {
  detail::Shapes all;
  stack_of(*this).add_state(all, theta.size());
  all.emplace_back("gates", Shape{2, theta.size()});
  return detail::zero_state(std::move(all), theta);
}

OptimizerOutput MetaLstm::step(const Bound& phi, const OptimizerInput& in,
                               const Bound& state) const {
  if (!in.loss.valid())
    throw DataError(fmt::format("{}: it reads the loss, and none was given", kind));
  Var g = in.gradient.flat();
  if (grad_scale != 1) g = g * grad_scale;
  const Var theta = in.theta.flat();
  std::vector<Var> after;
  const Var h = stack_of(*this).run(phi, seen(*this, in.loss, g), state, after);

  // All columns in one product: h, θ, f, i; each gate is blind for the other.
  const Var w = phi["gates.weight"];
  const Tensor own = Tensor({2, 2}, {1.0, 0.0, 0.0, 1.0}).to(w.dtype());
  const Var weight =
      concat({slice(w, 1, 0, hidden + 1), slice(w, 1, hidden + 1, hidden + 2) * own}, 1);
  const Var read = concat({squeeze(h, 0), unsqueeze(theta, 0), state["gates"]});
  const Var gates = squeeze(linear_columns(unsqueeze(read, 0), weight, phi["gates.bias"]), 0);
  after.push_back(gates);
  // σ(f) θ - σ(i) ∇ - θ, without the difference of σ(f) from 1 that rounding would spoil: where f
  // is so large that σ(-f) is 0, this is -σ(i) ∇ to the bit.
  Var moved = -(sigmoid(-row(gates, 0)) * theta + sigmoid(row(gates, 1)) * g);
  if (in.rate_scale != 1) moved = moved * in.rate_scale;
  return {Bound(in.theta.layout(), moved), Bound(state.layout(), std::move(after))};
}

std::vector<TensorGates> gates_of(const Layout& theta, const Params& state) {
  if (!state.contains("gates") || state["gates"].shape() != Shape{2, theta.size()})
    throw DataError(fmt::format("{}: a state without 'gates' {} is not its own", MetaLstm::kind,
                                to_string(Shape{2, theta.size()})));
  const std::vector<double> gates = state["gates"].to_vector();
  std::vector<TensorGates> all;
  for (const ParamEntry& e : theta.entries()) {
    const auto mean = [&](std::int64_t row) {
      double sum = 0;
      for (std::int64_t i = 0; i < e.shape.size(); ++i)
        sum +=
            1 / (1 + std::exp(-gates[static_cast<std::size_t>(row * theta.size() + e.offset + i)]));
      return sum / static_cast<double>(e.shape.size());
    };
    all.push_back({e.name, mean(0), mean(1)});
  }
  return all;
}

}  // namespace metatape::metalearn
