// The floor's arithmetic, on rates that no machine has.
#include "support/catch.hpp"

#include "floors.hpp"
#include "peak.hpp"
#include "scale.hpp"

using namespace bench;
using metatape::DType;

namespace {

Rates rates() {
  Rates r;
  r.multiply_add_f32 = 100e9;
  r.multiply_add_f64 = 50e9;
  r.cell = 2e9;
  r.l2 = 200e9;
  r.l3 = 80e9;
  r.memory = 20e9;
  r.l2_bytes = 1e6;
  r.l3_bytes = 30e6;
  return r;
}

}  // namespace

TEST_CASE("the slower of arithmetic and memory is the floor", "[floors]") {
  // 10 ms of products and 5 of functions, beside 1 ms of bytes in L2.
  Counts c{.flop = 3e9, .least_flop = 1e9, .transcendentals = 1e7, .bytes = 2e8, .resident = 1e6};
  Floor f = floor_of(c, rates());
  CHECK(f.products_ms == Approx(10));
  CHECK(f.functions_ms == Approx(5));
  CHECK(f.memory_ms == Approx(1));
  CHECK(f.ms() == Approx(15));
  CHECK_FALSE(f.by_memory());
  CHECK(std::string(f.level) == "L2");

  c.bytes = 8e9;
  f = floor_of(c, rates());
  CHECK(f.ms() == Approx(40));
  CHECK(f.by_memory());
}

TEST_CASE("bytes move at the rate of the cache that holds what is resident", "[floors]") {
  Counts c{.bytes = 8e9, .resident = 1.1e6};
  CHECK(floor_of(c, rates()).memory_ms == Approx(100));
  CHECK(std::string(floor_of(c, rates()).level) == "L3");
  c.resident = 31e6;
  CHECK(floor_of(c, rates()).memory_ms == Approx(400));
  CHECK(std::string(floor_of(c, rates()).level) == "memory");

  // Each core has a second cache of its own; tasks side by side share the third.
  Rates two = rates();
  two.threads = 2;
  c.resident = 1.9e6;
  CHECK(std::string(floor_of(c, two).level) == "L2");
  c.resident = 16e6;
  c.parallel = 4;
  CHECK(std::string(floor_of(c, rates()).level) == "L3");
  CHECK(std::string(floor_of(c, two).level) == "memory");
}

TEST_CASE("float64 has a roof of its own", "[floors]") {
  Rates r = rates();
  r.dtype = DType::f64;
  CHECK(floor_of({.least_flop = 1e9}, r).ms() == Approx(20));
}

TEST_CASE("the loops that measure roofs do what they say", "[floors]") {
  // Twelve sums of some lanes, a multiplication and an addition each.
  const double one = multiply_add(1, 1.0f);
  CHECK(one >= 2 * 12);
  CHECK(multiply_add(1000, 1.0f) == 1000 * one);
  CHECK(multiply_add(1, 1.0) <= one);
  for (const std::int64_t n : {0, 1, 17, 100}) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<float> a(size + 1, 9), b(size, 3), c(size, 8);
    triad(a.data(), b.data(), c.data(), n);
    CHECK(std::count(a.begin(), a.end() - 1, 7.0f) == n);
    CHECK(a.back() == 9);  // beyond the end nothing is written
  }
}

TEST_CASE("axes are those that are named, up to where they are asked for", "[scale]") {
  Options o;
  o.scale = "parameters";
  Axis axis = axis_of(o);
  REQUIRE(axis.curves.size() == 1);
  CHECK(axis.curves[0].front().value == 805);
  CHECK(axis.curves[0].back().value == 10000315);
  CHECK(axis.curves[0].back().kept == 4.0 * 10000315 * 260);
  o.most = 1000000;
  CHECK(axis_of(o).curves[0].size() == 6);
  o.scale = "threads";
  o.most = 2;
  for (const auto& curve : axis_of(o).curves) CHECK(curve.size() == 2);
  o.scale = "depth";
  REQUIRE_THROWS_WITH(axis_of(o),
                      "--scale depth: not one of parameters, hidden, unroll, way, shot, threads");
}
