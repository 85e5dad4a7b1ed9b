#include "metatape/metalearn/optimizers/tuned.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

constexpr std::string_view logarithm_prefix = "log_";

std::string entry_of(const FreeRate& r) {
  return r.logarithm ? std::string(logarithm_prefix) + r.name : r.name;
}

struct Tuned {
  AnyOptimizer base;
  std::vector<FreeRate> rates;
  std::int64_t tensors = 0;
  Indices tensor_of{};  // of each coordinate of θ

  [[nodiscard]] std::string name() const { return base.name(); }
  [[nodiscard]] std::string spec() const { return base.spec(); }
  [[nodiscard]] bool reads_theta() const { return base.reads_theta(); }
  // A rate a tensor is no longer the same for all coordinates.
  [[nodiscard]] bool coordinatewise() const {
    return base.coordinatewise() && std::ranges::none_of(rates, &FreeRate::per_tensor);
  }
  [[nodiscard]] bool queries() const { return base.queries(); }

  [[nodiscard]] Params phi(DType dtype) const {
    const Params numbers = base.phi(DType::f64);
    std::vector<std::pair<std::string, Tensor>> entries;
    for (const FreeRate& r : rates) {
      std::vector<std::int64_t> extents;
      if (r.steps > 0) extents.push_back(r.steps);
      if (r.per_tensor) extents.push_back(tensors);
      const double value = numbers[r.name].item();
      entries.emplace_back(entry_of(r), Tensor::full(Shape(std::span<const std::int64_t>(extents)),
                                                     r.logarithm ? std::log(value) : value, dtype));
    }
    if (entries.empty()) return Params::zeros(std::make_shared<const Layout>(), dtype);
    return Params(entries);
  }
  [[nodiscard]] Params init(const Params&, const Params& theta, Key key) const {
    return base.init(base.phi(theta.dtype()), theta, key);
  }

  // base's φ at a step.
  [[nodiscard]] Bound numbers(const Bound& phi, Tape& tape, DType dtype, std::int64_t step) const {
    const Params fixed = base.phi(dtype);
    std::vector<std::pair<std::string, Shape>> shapes;
    std::vector<Var> values;
    for (std::size_t i = 0; i < fixed.entries().size(); ++i) {
      const auto r = std::ranges::find(rates, fixed.entries()[i].name, &FreeRate::name);
      if (r == rates.end()) {
        values.push_back(tape.constant(fixed[i]));
        shapes.emplace_back(fixed.entries()[i].name, values.back().shape());
        continue;
      }
      Var x = phi[entry_of(*r)];
      if (r->steps > 0) x = row(x, std::min(step, r->steps - 1));
      if (r->logarithm) x = exp(x);
      values.push_back(r->per_tensor ? gather(x, tensor_of) : x);
      shapes.emplace_back(r->name, values.back().shape());
    }
    return {std::make_shared<const Layout>(std::move(shapes)), std::move(values)};
  }
  [[nodiscard]] OptimizerOutput step(const Bound& phi, const OptimizerInput& input,
                                     const Bound& state) const {
    const Var theta = input.theta.flat();
    return base.step(numbers(phi, theta.tape(), theta.dtype(), input.step), input, state);
  }
  [[nodiscard]] Bound query(const Bound& phi, const Bound& theta, const Bound& state) const {
    return base.query(numbers(phi, theta.flat().tape(), theta.flat().dtype(), 0), theta, state);
  }
};

}  // namespace

FreeRate free_rate(std::string_view text, const AnyOptimizer& optimizer, std::int64_t steps) {
  const Params numbers = optimizer.phi(DType::f64);
  FreeRate r;
  std::string_view name = text.substr(0, text.find('/'));
  for (std::string_view rest = text.substr(name.size()); !rest.empty();) {
    const std::string_view word = rest.substr(1, rest.substr(1).find('/'));
    rest = rest.substr(word.size() + 1);
    if (word == "tensor")
      r.per_tensor = true;
    else if (word == "step")
      r.steps = steps;
    else
      throw DataError(fmt::format("'{}': '/{}': /tensor or /step expected", text, word));
  }
  if (!numbers.contains(name) && name.starts_with(logarithm_prefix)) {
    r.logarithm = true;
    name.remove_prefix(logarithm_prefix.size());
  }
  if (!numbers.contains(name)) {
    std::vector<std::string> names;
    for (const ParamEntry& e : numbers.entries()) names.push_back(e.name);
    throw DataError(fmt::format("{} has no number '{}'{}", optimizer.name(), name,
                                tasks::did_you_mean(name, names)));
  }
  r.name = name;
  return r;
}

AnyOptimizer tuned(AnyOptimizer base, std::vector<FreeRate> rates, const Params& theta) {
  const Params numbers = base.phi(DType::f64);
  Tuned t{.base = std::move(base), .rates = std::move(rates)};
  for (const FreeRate& r : t.rates) {
    const Tensor value = numbers[r.name];
    if (value.size() != 1 || value.shape().rank() != 0)
      throw DataError(fmt::format("tuned: {} of {} is {}: only a scalar can be a free rate", r.name,
                                  t.base.name(), to_string(value.shape())));
    if (r.logarithm && !(value.item() > 0))
      throw DataError(fmt::format("tuned: log_{}: {} has no logarithm", r.name, value.item()));
    if (r.per_tensor && theta.empty())
      throw DataError(fmt::format("tuned: {} a tensor, but theta has none", r.name));
  }
  t.tensors = static_cast<std::int64_t>(theta.entries().size());
  std::vector<std::int32_t> of;
  for (std::size_t i = 0; i < theta.entries().size(); ++i)
    of.insert(of.end(), static_cast<std::size_t>(theta.entries()[i].shape.size()),
              static_cast<std::int32_t>(i));
  const auto count = static_cast<std::int64_t>(of.size());
  t.tensor_of = Indices({count}, of);
  return t;
}

}  // namespace metatape::metalearn
