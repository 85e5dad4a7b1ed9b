// check_ops.cpp: what is asked of every row of the table.
#include <algorithm>
#include <array>
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

}  // namespace

std::vector<Tensor> inputs_of(const Row& row, std::size_t shape_case, Key key) {
  const std::vector<Shape>& shapes = row.shapes[shape_case];
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(drawn(shapes[i], row.draw[std::min(i, row.draw.size() - 1)],
                           key.split("input", shape_case).split(i)));
  return inputs;
}

namespace {

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

// What `row` says of these inputs, refusing them.
std::string refusal_of(const Row& row, std::span<const Tensor> inputs, OpReport& report) {
  Tape tape;
  std::vector<Var> vars;
  for (const Tensor& x : inputs) vars.push_back(tape.variable(x));
  const std::int64_t before = tape.size();
  const std::size_t used = tape.memory().used;
  try {
    static_cast<void>(row.call(vars));
  } catch (const Error& error) {
    if (!row.several && (tape.size() != before || tape.memory().used != used))
      report.failures.push_back(row.name + ": refused, but the tape is not as it was");
    return error.what();
  }
  return "nothing was refused";
}

void check_refusals(const Row& row, OpReport& report) {
  for (const Refusal& refusal : row.refusals) {
    std::vector<Tensor> inputs;
    for (const Shape& s : refusal.shapes) inputs.push_back(Tensor::zeros(s));
    const std::string said = refusal_of(row, inputs, report);
    if (said != refusal.message)
      report.failures.push_back(row.name + " says '" + said + "', expected '" + refusal.message +
                                "'");
  }
}

// One input after the other of another type than the rest.
void check_types(const Row& row, std::span<const Tensor> inputs, OpReport& report) {
  for (std::size_t i = 0; inputs.size() > 1 && i < inputs.size(); ++i) {
    std::vector<Tensor> mixed(inputs.begin(), inputs.end());
    mixed[i] = mixed[i].to(DType::f32);
    const std::string said = refusal_of(row, mixed, report);
    if (said.find("do not mix") == std::string::npos)
      report.failures.push_back(row.name + ": of mixed types it says '" + said + "'");
  }
}

// How inputs stand on the tape, and what else is made of them.
enum class Use {
  beside,  // a later record uses each input too: its adjoint is begun when the op's pullback comes
  ranges,  // inputs are ranges of one flat variable, as a Bound's are
  twice,   // all inputs are one record
};

// The gradient that the same records give when they do not stand alone. A pullback that sets an
// adjoint instead of adding to it is right in every check of the op alone.
std::vector<Tensor> in_use(const Row& row, std::span<const Tensor> inputs, const Tensor& v, Use use,
                           bool recorded) {
  Tape tape;
  std::vector<Var> asked, vars;
  if (use == Use::ranges) {
    std::int64_t size = 1;  // one element before the first, so that no range begins the variable
    for (const Tensor& x : inputs) size += x.size();
    Tensor flat = Tensor::zeros({size}, v.dtype());
    std::int64_t at = 1;
    visit(v.dtype(), [&]<class T>(T) {
      for (const Tensor& x : inputs) {
        std::ranges::copy(x.values<T>(), flat.mutable_values<T>().begin() + at);
        at += x.size();
      }
    });
    const Var leaf = tape.variable(flat);
    at = 1;
    for (const Tensor& x : inputs) {
      vars.push_back(view_range(leaf, at, x.shape()));
      at += x.size();
    }
    asked = {leaf};
  } else if (use == Use::twice) {
    vars.assign(inputs.size(), tape.variable(inputs.front()));
    asked = {vars.front()};
  } else {
    for (const Tensor& x : inputs) vars.push_back(tape.variable(x));
    asked = vars;
  }
  Var loss = sum(row.call(vars) * v);
  if (use == Use::beside)
    for (const Var& x : vars) loss = sum(x * 3.0) + loss;
  if (!recorded) return grad(loss, asked);
  std::vector<Tensor> gradients;
  for (const Var& g : recorded_grad(loss, asked)) gradients.push_back(g.value());
  return gradients;
}

// What must come out, from the gradient of the op alone on as many inputs.
std::vector<Tensor> expected_in_use(const std::vector<Tensor>& alone, DType dtype, Use use) {
  if (use == Use::beside) {
    std::vector<Tensor> out;
    for (const Tensor& g : alone) {
      std::vector<double> values = g.to_vector();
      for (double& e : values) e += 3;
      out.push_back(Tensor(g.shape(), std::span<const double>(values)).to(dtype));
    }
    return out;
  }
  std::vector<double> values;
  if (use == Use::ranges) {
    values.push_back(0);
    for (const Tensor& g : alone)
      for (const double e : g.to_vector()) values.push_back(e);
    return {Tensor({static_cast<std::int64_t>(values.size())}, std::span<const double>(values))
                .to(dtype)};
  }
  values = alone.front().to_vector();
  for (std::size_t i = 1; i < alone.size(); ++i) {
    const std::vector<double> more = alone[i].to_vector();
    for (std::size_t k = 0; k < values.size(); ++k) values[k] += more[k];
  }
  return {Tensor(alone.front().shape(), std::span<const double>(values)).to(dtype)};
}

void check_use(const Row& row, std::vector<Tensor> inputs, const Tensor& v, Use use,
               OpReport& report) {
  if (use == Use::twice) {
    for (const Tensor& x : inputs)
      if (x.shape() != inputs.front().shape()) return;
    if (inputs.size() < 2) return;
    inputs.assign(inputs.size(), inputs.front());
  }
  constexpr std::array names{"beside another use of its inputs", "on ranges of one variable",
                             "on one record as every input"};
  const DType dtype = inputs.front().dtype();
  Tape tape;
  std::vector<Var> vars;
  for (const Tensor& x : inputs) vars.push_back(tape.variable(x));
  const Var y = row.call(vars);
  if (!y.differentiable()) return;
  const std::vector<Tensor> expected = expected_in_use(vector_jacobian(y, vars, v), dtype, use);
  for (const bool recorded : {false, true}) {
    if (recorded && !row.second_order) continue;
    const std::vector<Tensor> found = in_use(row, inputs, v, use, recorded);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (const double d = difference(expected[i], found[i]);
          d > (dtype == DType::f64 ? 1e-12 : 1e-5))
        report.failures.push_back(
            row.name + ": the " + (recorded ? "recorded " : "") + name(dtype) + " gradient " +
            names[static_cast<std::size_t>(use)] + " is off by " + std::to_string(d));
  }
}

}  // namespace

OpReport check_row(const Row& row, const CheckOptions& options) {
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
    const Key key = options.key.split(row.name).split("case", c);
    const std::vector<Tensor> inputs = inputs_of(row, c, key);
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
    check_types(row, inputs, report);
    const Tensor v32 = uniform(output, key.split("float32"), -1, 1, DType::f32);
    const Tensor v = v32.to(DType::f64);
    const std::vector<Tensor> exact = outcome(row, inputs, v);
    if (row.differentiable)
      for (const Use use : {Use::beside, Use::ranges, Use::twice})
        check_use(row, inputs, v, use, report);
    for (const kernel::Simd target : kernel::available_simd()) {
      const Using held(target);
      const std::vector<Tensor> single = outcome(row, rounded, v);
      for (std::size_t i = 0; i < exact.size(); ++i)
        report.float32 = std::max(report.float32, difference(exact[i], single[i]));
      if (row.differentiable)
        for (const Use use : {Use::beside, Use::ranges, Use::twice})
          check_use(row, rounded, v32, use, report);
    }
  }
  check_points(row, report);
  check_refusals(row, report);
  return report;
}

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
  return checks::check_row(*found, options);
}

bool passes(const OpReport& r, const OpBounds& bounds) {
  return r.first_order <= bounds.first_order && r.recorded <= bounds.recorded &&
         r.second_order <= bounds.second_order && r.float32 <= bounds.float32 &&
         r.failures.empty() && r.cases >= 3;
}

}  // namespace metatape
