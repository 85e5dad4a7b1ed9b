// The checker itself: every op passes, every op stands in the table, and planted faults are caught.
#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

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

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
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

TEST_CASE("every function of Vars in the headers has a row in the table", "[checker]") {
  std::set<std::string> declared;
  const std::regex function(
      R"((?:^|\n)(?:Var|LstmState|LstmOutput|BatchStatistics|Indices|Tensor|std::vector<Var>) (\w+)\()");
  const std::filesystem::path ops =
      std::filesystem::path(METATAPE_AUTODIFF_ROOT) / "include/metatape/autodiff/ops";
  for (const auto& file : std::filesystem::directory_iterator(ops)) {
    const std::string text = read(file.path());
    for (std::sregex_iterator i(text.begin(), text.end(), function), end; i != end; ++i)
      declared.insert((*i)[1]);
  }
  CHECK(declared.size() > 90);
  const std::vector<std::string> names = checked_ops();
  const std::set<std::string> checked(names.begin(), names.end());
  CHECK(checked.size() == names.size());
  for (const std::string& name : declared)
    if (name != "operator") {
      INFO(name << " is declared in ops/ and has no row in src/checks/");
      CHECK(checked.contains(name));
    }
}

TEST_CASE("an unknown op is refused", "[checker]") {
  REQUIRE_THROWS_WITH(check_op("mtmul"), "check_op: there is no op 'mtmul' in the table");
}
