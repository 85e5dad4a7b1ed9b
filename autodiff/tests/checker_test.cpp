// The checker itself: every op stands in the table, and planted faults are caught, by
// check_gradients and by the harness that every row goes through.
#include "support/catch.hpp"

#include <algorithm>

#include "checks/row.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/autodiff/op_checks.hpp"
#include "metatape/autodiff/rule.hpp"

using namespace metatape;

namespace {

enum class Fault { none, factor, transposed, missing_sum, sign, stale };

// y = a * b with b [k] broadcast over the rows of a [n, k]; the pullback to b is planted with a
// fault. `stale` reads the value as another call left it.
template <Fault fault>
struct Planted {
  static constexpr const char* name = "planted";
  static inline double left_behind = 0;

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t k = c.input_size(1);
    for (std::int64_t i = 0; i < c.size(); ++i)
      c.output<T>()[i] = c.input<T>(0)[i] * c.input<T>(1)[i % k];
    if (left_behind == 0 && c.size() > 0) left_behind = static_cast<double>(c.input<T>(0)[0]);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const std::int64_t k = c.input_size(1), n = c.size() / k;
    const T *a = c.input<T>(0), *b = c.input<T>(1), *g = c.gradient<T>();
    if (c.wants(0))
      for (std::int64_t i = 0; i < c.size(); ++i) c.adjoint<T>(0)[i] += g[i] * b[i % k];
    if (!c.wants(1)) return;
    T* d = c.adjoint<T>(1);
    for (std::int64_t r = 0; r < n; ++r) {
      if (fault == Fault::missing_sum && r > 0) break;
      for (std::int64_t j = 0; j < k; ++j) {
        T term = g[r * k + j] * a[r * k + j];
        if (fault == Fault::factor) term *= static_cast<T>(1.001);
        if (fault == Fault::sign) term = -term;
        if (fault == Fault::stale) term = g[r * k + j] * static_cast<T>(left_behind);
        d[fault == Fault::transposed ? k - 1 - j : j] += term;
      }
    }
  }
  static void recorded(const Recorded& c) {
    if (c.wants(0)) c.add(0, c.gradient() * c.input(1));
    if (c.wants(1)) c.add(1, sum(c.gradient() * c.input(0), 0));
  }
};

template <Fault fault>
CheckResult check_planted() {
  const std::vector<Tensor> inputs{normal({3, 5}, Key{1}, DType::f64),
                                   normal({5}, Key{2}, DType::f64)};
  return check_gradients(
      [](std::span<const Var> x) {
        return record<Planted<fault>>({x[0], x[1]}, x[0].shape());
      },
      inputs);
}

}  // namespace

TEST_CASE("a right pullback passes, five planted faults do not", "[checker]") {
  const OpBounds bounds;
  const CheckResult right = check_planted<Fault::none>();
  CHECK(right.first_order <= bounds.first_order);
  CHECK(right.recorded <= bounds.recorded);
  CHECK(right.second_order <= bounds.second_order);
  CHECK(check_planted<Fault::factor>().first_order > 1e3 * bounds.first_order);
  CHECK(check_planted<Fault::transposed>().first_order > 1e3 * bounds.first_order);
  CHECK(check_planted<Fault::missing_sum>().first_order > 1e3 * bounds.first_order);
  CHECK(check_planted<Fault::sign>().first_order > 1e3 * bounds.first_order);
  CHECK(check_planted<Fault::stale>().first_order > 1e3 * bounds.first_order);
  CHECK(check_planted<Fault::factor>().recorded > 1e3 * bounds.recorded);
}

TEST_CASE("a fault in the recorded pullback alone is caught", "[checker]") {
  CustomOp op;
  op.forward = [](std::span<const Tensor> in) {
    Tape tape{Recording::off};
    return square(tape.constant(in[0])).value();
  };
  op.pullback = [](std::span<const Tensor> in, const Tensor&, const Tensor& g) {
    Tape tape{Recording::off};
    return std::vector{(tape.constant(in[0]) * tape.constant(g) * 2.0).value()};
  };
  op.recorded = [](std::span<const Var> in, Var, Var g) {
    return std::vector{stop_gradient(in[0]) * g * 2.0};  // right in value, wrong in what follows
  };
  const std::vector<Tensor> inputs{normal({5}, Key{1}, DType::f64)};
  const CheckResult r =
      check_gradients([&](std::span<const Var> x) { return apply(op, {x[0]}); }, inputs);
  CHECK(r.first_order <= 1e-7);
  CHECK(r.recorded <= 1e-12);
  CHECK(r.second_order > 1e-2);
}

TEST_CASE("differences need float64", "[checker]") {
  const std::vector<Tensor> inputs{normal({5}, Key{1})};
  REQUIRE_THROWS_WITH(check_gradients([](std::span<const Var> x) { return x[0]; }, inputs),
                      "check_gradients: inputs are f32; differences need f64");
}

TEST_CASE("an unknown op is refused", "[checker]") {
  REQUIRE_THROWS_WITH(check_op("mtmul"), "check_op: there is no op 'mtmul' in the table");
}

namespace {

// y = x², wrong in one place.
enum class Slip { none, value_f32, pullback_f32, sets, once };

template <Slip slip>
struct Slipped {
  static constexpr const char* name = "slipped";
  template <Scalar T>
  static void forward(const Forward& c) {
    for (std::int64_t i = 0; i < c.size(); ++i) c.output<T>()[i] = square_of(c.input<T>(0)[i]);
  }
  template <Scalar T>
  static T square_of(T x) {
    return slip == Slip::value_f32 && sizeof(T) == 4 ? x * x * T(1.001) : x * x;
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0; i < c.size(); ++i) {
      T term = 2 * c.gradient<T>()[i] * c.input<T>(0)[i];
      if (slip == Slip::pullback_f32 && sizeof(T) == 4) term *= T(1.001);
      d[i] = slip == Slip::sets ? term : d[i] + term;
    }
  }
  static void recorded(const Recorded& c) requires(slip != Slip::once) {
    c.add(0, 2.0 * c.gradient() * c.input(0));
  }
};

checks::Row row_of(CheckedFunction call) {
  return {.name = "planted", .call = std::move(call), .shapes = {{{3}}, {{1}}, {{2, 5}}}};
}

template <Slip slip>
OpReport check_slipped() {
  return checks::check_row(
      row_of([](std::span<const Var> x) { return record<Slipped<slip>>({x[0]}, x[0].shape()); }));
}

template <Fault fault>
bool row_passes() {
  checks::Row row = row_of([](std::span<const Var> x) {
    return record<Planted<fault>>({x[0], x[1]}, x[0].shape());
  });
  row.shapes = {{{3, 5}, {5}}, {{7, 2}, {2}}, {{2, 3}, {3}}};
  return passes(checks::check_row(row));
}

}  // namespace

TEST_CASE("a row fails for each of the five planted faults", "[checker]") {
  CHECK(row_passes<Fault::none>());
  CHECK_FALSE(row_passes<Fault::factor>());
  CHECK_FALSE(row_passes<Fault::transposed>());
  CHECK_FALSE(row_passes<Fault::missing_sum>());
  CHECK_FALSE(row_passes<Fault::sign>());
  CHECK_FALSE(row_passes<Fault::stale>());
}

TEST_CASE("a row fails for what is wrong in float32 alone", "[checker]") {
  const OpBounds bounds;
  CHECK(passes(check_slipped<Slip::none>()));
  CHECK(check_slipped<Slip::value_f32>().float32 > 10 * bounds.float32);
  CHECK(check_slipped<Slip::pullback_f32>().float32 > 10 * bounds.float32);
}

TEST_CASE("a row fails for a pullback that sets an adjoint instead of adding to it", "[checker]") {
  const OpReport r = check_slipped<Slip::sets>();
  CHECK(r.first_order <= OpBounds{}.first_order);  // alone it is right
  CHECK_FALSE(passes(r));
  REQUIRE_FALSE(r.failures.empty());
  CHECK(r.failures.front().find("the f64 gradient beside another use of its inputs is off by") !=
        std::string::npos);
}

TEST_CASE("a row fails for an op that is differentiable only once, and with two cases",
          "[checker]") {
  REQUIRE_THROWS_WITH(check_slipped<Slip::once>(),
                      "slipped: record 1 lies on the path, and this op is differentiable only "
                      "once");
  checks::Row few = row_of([](std::span<const Var> x) { return square(x[0]); });
  CHECK(passes(checks::check_row(few)));
  few.shapes.pop_back();
  CHECK_FALSE(passes(checks::check_row(few)));
}

TEST_CASE("a row fails for a hard point that comes out otherwise and for another refusal",
          "[checker]") {
  checks::Row row = row_of([](std::span<const Var> x) { return sqrt(x[0]); });
  row.draw = {{.low = 0.5, .high = 2}};
  row.points = {{{Tensor({1}, {4.0})}, Tensor({1}, {2.0})}};
  CHECK(passes(checks::check_row(row)));
  row.points.push_back({{Tensor({1}, {9.0})}, Tensor({1}, {3.001})});
  CHECK(checks::check_row(row).failures.size() == 2);  // in each type
  row.points.clear();
  row.refusals = {{{{2}}, "sqrt: never refused"}};
  CHECK(checks::check_row(row).failures ==
        std::vector<std::string>{
            "planted says 'nothing was refused', expected 'sqrt: never refused'"});
}
