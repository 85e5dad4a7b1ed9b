// check.cpp: one function's derivatives against central differences.
// f is contracted with a random cotangent v, so that a vector function becomes <v, f>, and inputs
// move along a random direction u: one number a draw is compared, <grad, u> with
// (F(x + ε u) - F(x - ε u)) / 2 ε. Ones would let symmetric mistakes cancel; random ones do not.
#include "metatape/autodiff/check.hpp"

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape {

namespace {

using Tensors = std::vector<Tensor>;

double relative(double analytic, double numeric) {
  const double error = std::abs(analytic - numeric) / std::max(1.0, std::abs(analytic));
  return std::isnan(error) ? INFINITY : error;
}

double inner(std::span<const Tensor> a, std::span<const Tensor> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = a[i].values<double>(), y = b[i].values<double>();
    for (std::size_t k = 0; k < x.size(); ++k) sum += x[k] * y[k];
  }
  return sum;
}

// Uniform in magnitude [0.5, 1.5] with a random sign: no entry is lost in the noise.
Tensor direction(const Shape& shape, Key key) {
  Tensor t = uniform(shape, key, 0.5, 1.5, DType::f64);
  Random random(key.split("sign"));
  for (double& v : t.mutable_values<double>())
    if (random.chance(0.5)) v = -v;
  return t;
}

Tensors directions(std::span<const Tensor> like, Key key) {
  Tensors u;
  for (std::size_t i = 0; i < like.size(); ++i)
    u.push_back(direction(like[i].shape(), key.split(i)));
  return u;
}

// x + ε u, with ε scaled by the size of each element, and what was really added.
Tensors moved(std::span<const Tensor> x, std::span<const Tensor> u, double epsilon) {
  Tensors out(x.begin(), x.end());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto by = u[i].values<double>();
    const auto to = out[i].mutable_values<double>();
    for (std::size_t k = 0; k < to.size(); ++k) to[k] += epsilon * by[k];
  }
  return out;
}

std::vector<Var> variables(Tape& tape, std::span<const Tensor> x) {
  std::vector<Var> vars;
  for (const Tensor& t : x) vars.push_back(tape.variable(t));
  return vars;
}

// <v, f(x)>, and its gradient where asked for.
double contracted(Tape& tape, const CheckedFunction& f, std::span<const Tensor> x, const Tensor& v,
                  Tensors* gradient) {
  tape.clear();
  const std::vector<Var> vars = variables(tape, x);
  const Var y = f(vars);
  if (gradient) {
    *gradient = y.differentiable() ? vector_jacobian(y, vars, v) : Tensors{};
    if (gradient->empty())
      for (const Tensor& t : x) gradient->push_back(Tensor::zeros(t.shape(), DType::f64));
  }
  const Tensor value = y.value();
  return inner({&value, 1}, {&v, 1});
}

// Richardson's extrapolation of two central differences: error of order ε⁴.
template <class F>
double central(const F& at, double epsilon) {
  const double near = (at(epsilon) - at(-epsilon)) / (2 * epsilon);
  const double far = (at(2 * epsilon) - at(-2 * epsilon)) / (4 * epsilon);
  return (4 * near - far) / 3;
}

}  // namespace

CheckResult check_gradients(const CheckedFunction& f, std::span<const Tensor> inputs,
                            const CheckOptions& options) {
  for (const Tensor& x : inputs)
    if (x.dtype() != DType::f64)
      throw DTypeError("check_gradients: inputs are f32; differences need f64");
  CheckResult result;
  Tape tape;
  const Shape output = [&] {
    const std::vector<Var> vars = variables(tape, inputs);
    return f(vars).shape();
  }();

  for (int d = 0; d < options.draws; ++d) {
    const Key key = options.key.split("draw", static_cast<std::uint64_t>(d));
    const Tensor v = direction(output, key.split("cotangent"));
    const Tensors u = directions(inputs, key.split("direction"));
    double largest = 1;
    for (const Tensor& x : inputs)
      for (const double e : x.values<double>()) largest = std::max(largest, std::abs(e));
    // Two orders above the square root of the rounding unit: the extrapolation allows it, and
    // less of the value's rounding is divided by ε.
    const double epsilon = 100 * options.epsilon * largest;

    Tensors gradient;
    contracted(tape, f, inputs, v, &gradient);
    const double analytic = inner(gradient, u);
    const double numeric = central(
        [&](double e) { return contracted(tape, f, moved(inputs, u, e), v, nullptr); }, epsilon);
    result.first_order = std::max(result.first_order, relative(analytic, numeric));
    if (!options.recorded) continue;

    tape.clear();
    std::vector<Var> vars = variables(tape, inputs);
    Var y = f(vars);
    if (!y.differentiable()) continue;
    const Var cotangent = tape.variable(v);
    const std::vector<Var> recorded = recorded_vector_jacobian(y, vars, cotangent);
    for (std::size_t i = 0; i < vars.size(); ++i) {
      const auto a = gradient[i].values<double>();
      const auto b = recorded[i].values<double>();
      for (std::size_t k = 0; k < a.size(); ++k)
        result.recorded = std::max(result.recorded, relative(a[k], b[k]));
    }
    if (!options.second) continue;

    // d/dε <w, grad(x + ε u)> against the gradient of <w, recorded grad>.
    const Tensors w = directions(inputs, key.split("second"));
    Var along;
    for (std::size_t i = 0; i < vars.size(); ++i) {
      const Var term = sum(recorded[i] * w[i]);
      along = along.valid() ? along + term : term;
    }
    double second = 0, second_in_cotangent = 0;
    const Tensor dv = direction(output, key.split("second cotangent"));
    if (along.differentiable()) {
      vars.push_back(cotangent);
      Tensors gradients = grad(along, vars);
      second_in_cotangent = inner({&gradients.back(), 1}, {&dv, 1});
      gradients.pop_back();
      second = inner(gradients, u);
    }
    const double difference = central(
        [&](double e) {
          contracted(tape, f, moved(inputs, u, e), v, &gradient);
          return inner(gradient, w);
        },
        epsilon);
    result.second_order = std::max(result.second_order, relative(second, difference));
    // The pullback is linear in its cotangent: its derivative along dv is <dv, J w>, a product that
    // the value alone knows. Of a linear op this is all that its recorded pullback is good for.
    const double along_value = central(
        [&](double e) { return contracted(tape, f, moved(inputs, w, e), dv, nullptr); }, epsilon);
    result.second_order = std::max(result.second_order, relative(second_in_cotangent, along_value));
  }
  return result;
}

}  // namespace metatape
