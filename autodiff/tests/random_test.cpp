// Random streams: what a key gives depends on the key alone, and has the distribution it says.
#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/random.hpp"

using namespace metatape;

TEST_CASE("Philox 4x64-10 gives the published answer", "[random]") {
  // Random123's known-answer test for key 0, counter 0.
  const auto w = Key{0}.bits(0);
  CHECK(w[0] == 0x16554d9eca36314cu);
  CHECK(w[1] == 0xdb20fe9d672d0fdcu);
  CHECK(w[2] == 0xd7e772cee186176bu);
  CHECK(w[3] == 0x7e68b68aec7ba23bu);
}

TEST_CASE("keys split by names and numbers, and do not collide", "[random]") {
  const Key root{7};
  std::set<std::array<std::uint64_t, 2>> seen{root.words()};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(seen.insert(root.split(i).words()).second);
    CHECK(seen.insert(root.split(std::to_string(i)).words()).second);
  }
  CHECK(root.split("a").split("b") == root.split("a").split("b"));
  CHECK_FALSE(root.split("a").split("b") == root.split("b").split("a"));
  CHECK_FALSE(Key{7}.split("a") == Key{8}.split("a"));
}

TEST_CASE("draws have the moments they should", "[random]") {
  Random random(Key{1});
  double sum = 0, squares = 0, cubes = 0;
  constexpr int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x, squares += x * x, cubes += x * x * x;
  }
  CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(cubes / n) < 5 * std::sqrt(15.0 / n));
  double gammas = 0;
  for (int i = 0; i < n; ++i) gammas += random.gamma(0.4);
  CHECK(std::abs(gammas / n - 0.4) < 5 * std::sqrt(0.4 / n));
  const auto p = random.dirichlet({1, 2, 3});
  CHECK(p[0] + p[1] + p[2] == Approx(1));
}

TEST_CASE("whole numbers are even, choices are without replacement", "[random]") {
  Random random(Key{2});
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<std::size_t>(random.below(7))];
  for (const int c : counts) CHECK(std::abs(c - 10000) < 5 * std::sqrt(10000 * 6.0 / 7));
  const auto some = random.choose(20, 20);
  CHECK(std::set<std::int64_t>(some.begin(), some.end()).size() == 20);
  REQUIRE_THROWS_WITH(random.choose(3, 4), "choose: 4 of 3 without replacement is impossible");
  REQUIRE_THROWS_WITH(random.below(0), "below: n = 0: 1 or more is needed");
}

TEST_CASE("a float32 tensor is the float64 one, rounded", "[random]") {
  const Tensor a = normal({100}, Key{3}), b = normal({100}, Key{3}, DType::f64);
  CHECK(identical(a, b.to(DType::f32)));
  const Tensor u = uniform({1000}, Key{3}, -2, 3);
  const auto v = u.values<float>();
  CHECK(*std::ranges::min_element(v) >= -2);
  CHECK(*std::ranges::max_element(v) <= 3);
}

TEST_CASE("a key is found again by its words", "[random]") {
  const Key key = Key{7}.split("a", 3);
  CHECK(Key::of_words(key.words()) == key);
  CHECK(Key::of_words(key.words()).split("b") == key.split("b"));
}
