// init_test.cpp: first weights: fans, moments, bounds, orthogonality, by key alone.
#include "metatape/nn/init.hpp"

#include <cmath>
#include <functional>

#include "metatape/autodiff/ops/matmul.hpp"
#include "support/modules.hpp"

using namespace metatape;

namespace {

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0, largest = 0;
};

Moments moments(const Tensor& t) {
  Moments m;
  const auto n = static_cast<double>(t.size());
  for (const double v : t.to_vector()) m.mean += v / n;
  double second = 0, fourth = 0;
  for (const double v : t.to_vector()) {
    const double d = v - m.mean;
    second += d * d / n;
    fourth += d * d * d * d / n;
    m.largest = std::max(m.largest, std::abs(v));
  }
  m.deviation = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

const Shape w{64, 32, 3, 3};  // 18,432 weights, fans of 288 and 576

// Mean, deviation and kurtosis within five of their own deviations.
void check_normal(const Tensor& t, double deviation) {
  const Moments m = moments(t);
  const auto n = static_cast<double>(t.size());
  CHECK(std::abs(m.mean) < 5 * deviation / std::sqrt(n));
  CHECK(std::abs(m.deviation / deviation - 1) < 5 * std::sqrt(0.5 / n));
  CHECK(std::abs(m.kurtosis - 3) < 5 * std::sqrt(24 / n));
}

void check_uniform(const Tensor& t, double bound) {
  const Moments m = moments(t);
  const auto n = static_cast<double>(t.size());
  const double deviation = bound / std::sqrt(3.0);
  CHECK(std::abs(m.mean) < 5 * deviation / std::sqrt(n));
  CHECK(std::abs(m.deviation / deviation - 1) < 5 * std::sqrt(0.2 / n));
  CHECK(std::abs(m.kurtosis - 1.8) < 0.05);
  CHECK(m.largest <= bound);
  CHECK(m.largest > bound * (1 - 20 / n));
}

}  // namespace

TEST_CASE("init: fans of a weight are PyTorch's") {
  const auto are = [](const Shape& s, std::int64_t in, std::int64_t out) {
    return nn::fans(s).in == in && nn::fans(s).out == out;
  };
  CHECK(are({}, 1, 1));
  CHECK(are({7}, 7, 7));
  CHECK(are({3, 5}, 5, 3));
  CHECK(are({64, 32, 3, 3}, 288, 576));
  CHECK(are({4, 1, 5, 5}, 25, 100));
}

TEST_CASE("init: moments and bounds are those of the papers") {
  check_normal(nn::he_normal(w, Key{1}, DType::f64), std::sqrt(2.0 / 288));
  check_normal(nn::glorot_normal(w, Key{1}, DType::f64), std::sqrt(2.0 / (288 + 576)));
  check_uniform(nn::he_uniform(w, Key{1}, DType::f64), std::sqrt(6.0 / 288));
  check_uniform(nn::glorot_uniform(w, Key{1}, DType::f64), std::sqrt(6.0 / (288 + 576)));
  check_uniform(nn::fan_in_uniform(w, Key{1}, DType::f64), 1 / std::sqrt(288.0));
}

TEST_CASE("init: a truncated normal ends at two deviations") {
  const Moments m = moments(nn::truncated_normal(w, Key{1}, 0.5, DType::f64));
  CHECK(m.largest <= 1);
  CHECK(m.largest > 0.99);
  CHECK(std::abs(m.mean) < 5 * 0.44 / std::sqrt(18432.0));
  // Variance 1 - 2 * 2 φ(2) / (2 Φ(2) - 1) of a normal cut at two deviations.
  CHECK(m.deviation == Approx(0.5 * std::sqrt(0.7737413)).epsilon(0.02));
}

TEST_CASE("init: weights depend on shape and key alone") {
  using Initialiser = std::function<Tensor(const Shape&, Key, DType)>;
  const std::vector<Initialiser> all{
      nn::glorot_uniform,
      nn::glorot_normal,
      nn::he_uniform,
      nn::he_normal,
      nn::fan_in_uniform,
      [](const Shape& s, Key k, DType d) { return nn::orthogonal(s, k, 1.5, d); },
      [](const Shape& s, Key k, DType d) { return nn::truncated_normal(s, k, 0.3, d); }};
  const Shape s{4, 3, 2};
  for (const Initialiser& make : all) {
    const Tensor t = make(s, Key{1}, DType::f32);
    CHECK(t.shape() == s);
    CHECK(t.dtype() == DType::f32);
    CHECK(identical(t, make(s, Key{1}, DType::f32)));
    CHECK_FALSE(identical(t, make(s, Key{2}, DType::f32)));
    check_values(make(s, Key{1}, DType::f64).to(DType::f32), t, 1e-6);
    CHECK(make({0, 3}, Key{1}, DType::f64).size() == 0);
    CHECK(make({3, 0}, Key{1}, DType::f64).size() == 0);
    CHECK(std::isfinite(make({}, Key{1}, DType::f64).item()));
  }
}

TEST_CASE("init: orthogonal weights have orthonormal rows, or columns where those are fewer") {
  for (const Shape& s : {Shape{3, 5}, Shape{5, 3}, Shape{4, 4}, Shape{2, 3, 2, 2}, Shape{40, 2, 3},
                         Shape{1, 6}, Shape{6, 1}, Shape{7}}) {
    INFO(to_string(s));
    const std::int64_t rows = s[0], columns = s.size() / s[0], n = std::min(rows, columns);
    Tape tape;
    const Var v = tape.constant(nn::orthogonal(s, Key{2}, 2, DType::f64).reshape({rows, columns}));
    const bool wide = rows <= columns;
    const Tensor product =
        matmul(v, v, wide ? Transpose::no : Transpose::yes, wide ? Transpose::yes : Transpose::no)
            .value();
    check_values(product, (Tape{}.constant(Tensor::identity(n, DType::f64)) * 4.0).value(), 1e-12);
  }
}

TEST_CASE("init: orthogonal weights prefer no sign") {
  // Signs by R's diagonal: a factor without them would be the same number for every key.
  int positive = 0;
  double corner = 0;
  for (std::uint64_t k = 0; k < 400; ++k) {
    const Tensor scalar = nn::orthogonal({1, 1}, Key{k}, 1, DType::f64);
    CHECK(std::abs(scalar.item()) == Approx(1));
    positive += scalar.item() > 0;
    corner += nn::orthogonal({3, 3}, Key{k}, 1, DType::f64).at(8);
  }
  CHECK(std::abs(positive - 200) < 5 * 10);
  CHECK(std::abs(corner) < 5 * std::sqrt(400 / 3.0));
}
