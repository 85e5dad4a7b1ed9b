// check_ops.cpp: what is asked of every row of the table.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/simd.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/op_checks.hpp"
#include "row.hpp"

namespace metatape {

namespace checks {

namespace {

const std::vector<Row>& table() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> t;
    add_binary(t);
    add_elementwise(t);
    add_structure(t);
    add_indexing(t);
    add_reduce(t);
    add_matmul(t);
    add_convolution(t);
    add_normalization(t);
    add_recurrent(t);
    add_columnwise(t);
    add_linalg(t);
    add_engine(t);
    return t;
  }();
  return rows;
}

Tensor drawn(const Shape& shape, const Draw& draw, Key key) {
  Tensor t = uniform(shape, key, draw.low, draw.high, DType::f64);
  const auto values = t.mutable_values<double>();
  if (draw.distinct) {
    Random random(key.split("order"));
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    random.shuffle(order);
    const double step = (draw.high - draw.low) / static_cast<double>(values.size() + 1);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = draw.low + step * (static_cast<double>(order[i]) + 0.5 + 0.2 * random.uniform());
  }
  for (double& v : values)
    if (std::abs(v) < draw.gap) v = v < 0 ? v - draw.gap : v + draw.gap;
  // Rounded to float32, so that the float32 run has the very same inputs.
  for (double& v : values) v = static_cast<double>(static_cast<float>(v));
  return t;
}

std::vector<Tensor> inputs_of(const Row& row, std::size_t shape_case, Key key) {
  const std::vector<Shape>& shapes = row.shapes[shape_case];
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(drawn(shapes[i], row.draw[std::min(i, row.draw.size() - 1)],
                           key.split("input", shape_case).split(i)));
  return inputs;
}

// Value, gradient and recorded gradient of one run, one after the other.
std::vector<Tensor> outcome(const Row& row, std::span<const Tensor> inputs, const Tensor& v) {
  Tape tape;
  std::vector<Var> vars;
  for (const Tensor& x : inputs) vars.push_back(tape.variable(x));
  const Var y = row.call(vars);
  std::vector<Tensor> all{y.value()};
  if (!row.differentiable || !y.differentiable()) return all;
  const Tensor cotangent = v.to(y.dtype());
  for (Tensor& g : vector_jacobian(y, vars, cotangent)) all.push_back(std::move(g));
  if (row.second_order)
    for (const Var& g : recorded_vector_jacobian(y, vars, tape.constant(cotangent)))
      all.push_back(g.value());
  return all;
}

// One instruction set for a while.
class Using {
 public:
  explicit Using(kernel::Simd target) : before_(kernel::simd()) { kernel::force_simd(target); }
  ~Using() { kernel::force_simd(before_); }
  Using(const Using&) = delete;
  Using& operator=(const Using&) = delete;

 private:
  kernel::Simd before_;
};

// Largest |a - b| over the size of the tensor's entries: single entries may cancel.
double difference(const Tensor& exact, const Tensor& rounded) {
  const std::vector<double> a = exact.to_vector(), b = rounded.to_vector();
  double largest = 1, worst = 0;
  for (const double x : a)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double d = std::abs(a[i] - b[i]) / largest;
    worst = std::max(worst, std::isnan(d) ? std::numeric_limits<double>::infinity() : d);
  }
  return worst;
}

bool agree(const Tensor& found, const Tensor& expected, double tolerance) {
  if (found.shape() != expected.shape()) return false;
  const std::vector<double> a = found.to_vector(), b = expected.to_vector();
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (!same && !(std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i]))))
      return false;
  }
  return true;
}

void check_points(const Row& row, OpReport& report) {
  for (const Point& point : row.points) {
    for (const DType type : {DType::f64, DType::f32}) {
      Tape tape;
      std::vector<Var> vars;
      for (const Tensor& x : point.inputs) vars.push_back(tape.variable(x.to(type)));
      const Tensor found = row.call(vars).value();
      if (!agree(found, point.expected, type == DType::f64 ? 1e-12 : 1e-6))
        report.failures.push_back(row.name + " at " + to_string(point.inputs.front()) + ": " +
                                  to_string(found) + ", expected " + to_string(point.expected));
    }
  }
}

void check_refusals(const Row& row, OpReport& report) {
  for (const Refusal& refusal : row.refusals) {
    Tape tape;
    std::vector<Var> vars;
    for (const Shape& s : refusal.shapes) vars.push_back(tape.variable(Tensor::zeros(s)));
    const std::int64_t before = tape.size();
    const std::size_t used = tape.memory().used;
    std::string said = "nothing was refused";
    try {
      static_cast<void>(row.call(vars));
    } catch (const Error& error) {
      said = error.what();
      if (tape.size() != before || tape.memory().used != used)
        report.failures.push_back(row.name + ": refused, but the tape is not as it was");
    }
    if (said != refusal.message)
      report.failures.push_back(row.name + " says '" + said + "', expected '" + refusal.message +
                                "'");
  }
}

}  // namespace

}  // namespace checks

std::vector<std::string> checked_ops() {
  std::vector<std::string> names;
  for (const checks::Row& row : checks::table()) names.push_back(row.name);
  return names;
}

OpReport check_op(std::string_view name, const CheckOptions& options) {
  const auto found = std::ranges::find(checks::table(), name, &checks::Row::name);
  if (found == checks::table().end())
    throw DataError("check_op: there is no op '" + std::string(name) + "' in the table");
  const checks::Row& row = *found;
  OpReport report;
  report.name = row.name;
  report.cases = static_cast<int>(row.shapes.size());
  CheckOptions each = options;
  each.second = options.second && row.second_order;
  each.recorded = options.recorded && row.second_order;
  report.float32 = 0;
  if (row.differentiable) report.first_order = 0;
  if (row.differentiable && each.recorded) report.recorded = 0;
  if (row.differentiable && each.second) report.second_order = 0;
  for (std::size_t c = 0; c < row.shapes.size(); ++c) {
    const Key key = options.key.split(name).split("case", c);
    const std::vector<Tensor> inputs = checks::inputs_of(row, c, key);
    if (row.differentiable) {
      each.key = key;
      const CheckResult r = check_gradients(row.call, inputs, each);
      report.first_order = std::max(report.first_order, r.first_order);
      if (each.recorded) report.recorded = std::max(report.recorded, r.recorded);
      if (each.second) report.second_order = std::max(report.second_order, r.second_order);
    }
    std::vector<Tensor> rounded;
    for (const Tensor& x : inputs) rounded.push_back(x.to(DType::f32));
    const Shape output = [&] {
      Tape tape;
      std::vector<Var> vars;
      for (const Tensor& x : inputs) vars.push_back(tape.variable(x));
      return row.call(vars).shape();
    }();
    const Tensor v = uniform(output, key.split("float32"), -1, 1, DType::f32).to(DType::f64);
    const std::vector<Tensor> exact = checks::outcome(row, inputs, v);
    for (const kernel::Simd target : kernel::available_simd()) {
      const checks::Using use(target);
      const std::vector<Tensor> single = checks::outcome(row, rounded, v);
      for (std::size_t i = 0; i < exact.size(); ++i)
        report.float32 = std::max(report.float32, checks::difference(exact[i], single[i]));
    }
  }
  checks::check_points(row, report);
  checks::check_refusals(row, report);
  return report;
}

bool passes(const OpReport& r, const OpBounds& bounds) {
  return r.first_order <= bounds.first_order && r.recorded <= bounds.recorded &&
         r.second_order <= bounds.second_order && r.float32 <= bounds.float32 &&
         r.failures.empty() && r.cases >= 3;
}

}  // namespace metatape
