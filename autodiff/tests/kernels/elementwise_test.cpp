// Functions over arrays, against float64 on bit patterns from all over float32, on every
// instruction set that this machine has.
#include "kernels/elementwise.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/elementwise_twin.hpp"
#include "support/simd.hpp"

using namespace metatape;
using kernel::Function;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

struct Row {
  Function f;
  const char* name;
  double units;     // in the last place
  float least = 0;  // the unit is not taken smaller than that of this
};

const std::vector<Row> rows{
    {Function::exp, "exp", 1.5},
    {Function::expm1, "expm1", 2},
    {Function::log, "log", 1.5},
    {Function::log1p, "log1p", 3},
    {Function::sin, "sin", 2},
    {Function::cos, "cos", 2},
    {Function::tanh, "tanh", 3.5},
    {Function::sigmoid, "sigmoid", 3},
    {Function::softplus, "softplus", 4},
    {Function::erf, "erf", 2},
    {Function::normal_cdf, "normal_cdf", 3},
    {Function::gelu, "gelu", 3},
    {Function::gelu_slope, "gelu_slope", 4, 0.0625f},
};

// |y - exact| in units of the last place of exact.
double error_in_units(float y, double exact, float least) {
  const float rounded = static_cast<float>(exact);
  if (std::isnan(exact) || std::isnan(y)) return std::isnan(exact) && std::isnan(y) ? 0 : inf;
  if (std::isinf(rounded) || std::isinf(y)) {
    // The last float before infinity is one unit away from it.
    return rounded == y || std::abs(std::isinf(y) ? rounded : y) > 3.4e38f ? 0 : inf;
  }
  const float size = std::max({std::abs(rounded), least, std::numeric_limits<float>::min()});
  const double unit = static_cast<double>(std::nextafter(size, inf)) - static_cast<double>(size);
  return std::abs(static_cast<double>(y) - exact) / unit;
}

std::vector<float> floats_from_everywhere() {
  std::vector<float> x{0.0f, -0.0f, inf, -inf, std::nanf(""), 1e-45f, -1e-45f, 1.0f, -1.0f};
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 19997) {
    const float v = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!std::isnan(v)) x.push_back(v);  // signalling ones have rules of their own
  }
  for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<float>(i) * 0.00052f);
  return x;
}

}  // namespace

TEST_CASE("functions are within their units of float64", "[kernels]") {
  const std::vector<float> x = floats_from_everywhere();
  std::vector<float> y(x.size());
  for_each_simd([&] {
    for (const Row& row : rows) {
      kernel::map(row.f, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
      double worst = 0;
      float where = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double exact = kernel::twin::value(row.f, static_cast<double>(x[i]));
        const double error = error_in_units(y[i], exact, row.least);
        if (error > worst) worst = error, where = x[i];
        if (x[i] == 0 && y[i] == 0) {
          INFO(row.name << " at " << x[i]);
          CHECK(std::signbit(y[i]) == std::signbit(exact));
        }
      }
      INFO(row.name << " at " << where);
      CHECK(worst <= row.units);
    }
  });
}

TEST_CASE("powers are within a unit of float64", "[kernels]") {
  const std::vector<float> x = floats_from_everywhere();
  std::vector<float> y(x.size());
  for_each_simd([&] {
    for (const float exponent : {0.0f, 1.0f, 2.0f, -1.0f, 0.5f, 3.0f, -2.5f, 17.3f, 0.001f}) {
      kernel::pow(x.data(), exponent, y.data(), static_cast<std::int64_t>(x.size()));
      double worst = 0;
      float where = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double exact = std::pow(static_cast<double>(x[i]), static_cast<double>(exponent));
        const double error = error_in_units(y[i], exact, 0);
        if (error > worst) worst = error, where = x[i];
      }
      INFO("exponent " << exponent << " at " << where);
      CHECK(worst <= 1);
    }
  });
}

TEST_CASE("a value depends on its argument alone, in place too", "[kernels]") {
  std::vector<float> x;
  for (int i = 0; i < 67; ++i) x.push_back(static_cast<float>(i) * 0.37f - 9.0f);
  x[5] = std::nanf("");
  x[66] = 2e5f;  // an angle for the twin
  for_each_simd([&] {
    for (const Row& row : rows) {
      std::vector<float> one_by_one(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) kernel::map(row.f, &x[i], &one_by_one[i], 1);
      for (std::size_t n = 0; n <= x.size(); ++n) {
        std::vector<float> y = x;
        kernel::map(row.f, y.data(), y.data(), static_cast<std::int64_t>(n));
        for (std::size_t i = 0; i < x.size(); ++i) {
          INFO(row.name << ", " << i << " of " << n);
          REQUIRE(same_bits(y[i], i < n ? one_by_one[i] : x[i]));
        }
      }
    }
  });
}

TEST_CASE("sums and products of arrays", "[kernels]") {
  for (const std::int64_t n : {0, 1, 3, 16, 17, 63, 64, 65, 1023, 1024, 1025, 5000}) {
    const std::vector<float> x = noise(1, n), y = noise(2, n);
    double sum = 0, dot = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += static_cast<double>(x[i]);
      dot += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    }
    for_each_simd([&] {
      CHECK(std::abs(kernel::sum(x.data(), n) - sum) <= 1e-6 * static_cast<double>(n));
      CHECK(std::abs(kernel::dot(x.data(), y.data(), n) - dot) <= 1e-6 * static_cast<double>(n));
    });
    const std::vector<double> wide(x.begin(), x.end());
    CHECK(kernel::sum(wide.data(), n) == Approx(sum).margin(1e-12));
    CHECK(kernel::dot(wide.data(), wide.data(), n) >= 0);
  }
}
