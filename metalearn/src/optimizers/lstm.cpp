// lstm.cpp: one step is the sequence of one; so what trains and what runs is the same code.
#include "metatape/metalearn/optimizers/lstm.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lstm_stack.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/columnwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/nn/init.hpp"

namespace metatape::metalearn {

namespace {

// `*` stands for any text, the rest for itself.
bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (text.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t from = star; from <= text.size(); ++from)
    if (matches(rest, text.substr(from))) return true;
  return false;
}

std::string net_name(int group) { return fmt::format("group{}", group); }

detail::LstmStack stack_of(const LstmOptimizer& o) {
  return {.in = o.input == GradientInput::log ? 2 : 1,
          .hidden = o.hidden,
          .layers = o.layers,
          .forget_bias = o.forget_bias};
}

// [steps, columns] -> [steps, in, columns]
Var seen(const LstmOptimizer& o, Var gradients) {
  if (o.input == GradientInput::raw) return unsqueeze(gradients, 1);
  return stack(detail::in_logs(gradients, o.p), 1);
}

// The mean over a function's coordinates of the first `count` units of h [hidden, coordinates], put
// in the place of each.
Var averaged(Var h, std::int64_t count, const Bound& theta, std::int64_t functions) {
  const std::int64_t n = h.shape()[1];
  const Var shared = rows(h, 0, count);
  std::vector<Var> parts;
  Var total;
  for (const ParamEntry& e : theta.entries()) {
    const std::int64_t size = e.shape.size();
    if (functions > 1 && (e.shape.rank() == 0 || e.shape[0] != functions))
      throw ShapeError(
          fmt::format("lstm: '{}' is {}: with globally averaged cells {} functions "
                      "must be its leading axis",
                      e.name, to_string(e.shape), functions));
    const Var part = reshape(slice(shared, 1, e.offset, e.offset + size),
                             Shape{count, functions, size / functions});
    total = total.valid() ? total + sum(part, 2) : sum(part, 2);
  }
  const Var mean = unsqueeze(total * (static_cast<double>(functions) / static_cast<double>(n)), 2);
  for (const ParamEntry& e : theta.entries())
    parts.push_back(reshape(broadcast_to(mean, Shape{count, functions, e.shape.size() / functions}),
                            Shape{count, e.shape.size()}));
  return concat({concat(parts, 1), rows(h, count, h.shape()[0])});
}

SequenceOutput run(const LstmOptimizer& o, const Bound& net, Var gradients, double rate_scale,
                   const Bound& state, const std::function<Var(Var)>& change = {}) {
  std::vector<Var> after;
  const Var h = stack_of(o).run(net, seen(o, gradients), state, after, change);
  const Var y = linear_columns(h, net["output.weight"], net["output.bias"]);
  return {reshape(y, gradients.shape()) * (o.scale * rate_scale),
          Bound(state.layout(), std::move(after))};
}

Bound net_of(const LstmOptimizer& o, const Bound& phi, int group) {
  return o.groups.empty() ? phi : phi.inside(net_name(group));
}

}  // namespace

std::string LstmOptimizer::spec() const {
  std::string text = fmt::format(
      "lstm:layers={},hidden={},input={},p={},scale={},forget_bias={},global={}", layers, hidden,
      input == GradientInput::log ? "log" : "raw", p, scale, forget_bias, global);
  for (std::size_t i = 0; i < groups.size(); ++i) text += (i == 0 ? ",groups=" : "|") + groups[i];
  return text;
}

Params LstmOptimizer::phi(DType dtype) const {
  detail::require_at_least(kind, "layers", layers, 0);
  detail::require_at_least(kind, "hidden", hidden, 1);
  detail::require_at_least(kind, "global", global, 0);
  if (global > hidden)
    throw DataError(fmt::format("lstm: global = {}: of {} hidden units", global, hidden));
  detail::require_logs(kind, p);
  const auto stack = stack_of(*this);
  detail::Named all;
  const int nets = static_cast<int>(groups.size()) + 1;
  for (int g = 0; g < nets; ++g) {
    const Key at = key.split("lstm", static_cast<std::uint64_t>(g));
    detail::Named one;
    stack.add_weights(one, 0, at, dtype);
    const std::int64_t width = layers > 0 ? hidden : stack.in;
    one.emplace_back("output.weight",
                     nn::truncated_normal({1, width}, at.split("output"),
                                          1 / std::sqrt(static_cast<double>(width)), dtype));
    one.emplace_back("output.bias", Tensor::zeros({1}, dtype));
    for (auto& [tensor_name, value] : one)
      all.emplace_back(groups.empty() ? tensor_name : net_name(g) + "." + tensor_name, value);
  }
  return Params(all);
}

Params LstmOptimizer::init(const Params&, const Params& theta, Key) const {
  detail::Shapes all;
  stack_of(*this).add_state(all, theta.size());
  return detail::zero_state(std::move(all), theta);
}

int LstmOptimizer::group(std::string_view tensor) const {
  for (std::size_t i = 0; i < groups.size(); ++i)
    if (matches(groups[i], tensor)) return static_cast<int>(i);
  return static_cast<int>(groups.size());
}

SequenceOutput LstmOptimizer::sequence(const Bound& phi, const SequenceInput& in,
                                       const Bound& state) const {
  return run(*this, net_of(*this, phi, group(in.tensor)), in.gradients, in.rate_scale, state);
}

OptimizerOutput LstmOptimizer::step(const Bound& phi, const OptimizerInput& in,
                                    const Bound& state) const {
  const Bound& theta = in.gradient;
  const Var gradients = unsqueeze(theta.flat(), 0);
  std::function<Var(Var)> change;
  if (global > 0) {
    if (!groups.empty())
      throw DataError("lstm: globally averaged cells and groups of parameters do not go together");
    change = [&](Var h) { return averaged(h, global, theta, in.functions); };
  }

  // Runs of tensors that one net steps: [first, last) in coordinates.
  struct Run {
    int group;
    std::int64_t first, last;
  };
  std::vector<Run> runs;
  for (const ParamEntry& e : theta.entries()) {
    const int g = group(e.name);
    if (runs.empty() || runs.back().group != g) runs.push_back({g, e.offset, e.offset});
    runs.back().last = e.offset + e.shape.size();
  }
  const auto finish = [&](Var updates, Bound after) -> OptimizerOutput {
    return {Bound(theta.layout(), reshape(updates, Shape{updates.size()})), std::move(after)};
  };
  if (runs.size() == 1) {
    SequenceOutput out =
        run(*this, net_of(*this, phi, runs[0].group), gradients, in.rate_scale, state, change);
    return finish(out.updates, std::move(out.state));
  }
  std::vector<Var> updates;
  std::vector<std::vector<Var>> states(state.count());
  for (const Run& r : runs) {
    std::vector<Var> part;
    std::vector<std::pair<std::string, Shape>> shapes;
    for (std::size_t i = 0; i < state.count(); ++i) {
      part.push_back(slice(state[i], 1, r.first, r.last));
      shapes.emplace_back(state.entries()[i].name, part.back().shape());
    }
    const Bound own(std::make_shared<const Layout>(std::move(shapes)), std::move(part));
    SequenceOutput out = run(*this, net_of(*this, phi, r.group),
                             slice(gradients, 1, r.first, r.last), in.rate_scale, own);
    updates.push_back(out.updates);
    for (std::size_t i = 0; i < state.count(); ++i) states[i].push_back(out.state[i]);
  }
  std::vector<Var> after;
  for (const std::vector<Var>& parts : states) after.push_back(concat(parts, 1));
  return finish(concat(updates, 1), Bound(state.layout(), std::move(after)));
}

}  // namespace metatape::metalearn
