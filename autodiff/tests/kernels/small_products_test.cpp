// Small products against three plain loops, to the bit: every size that tiles and their rests meet,
// factors turned or not, rows apart or together, set or added to, and nothing beside them written.
#include "kernels/small_products.hpp"

#include <cstddef>
#include <cstring>
#include <vector>

#include "support/simd.hpp"

using namespace metatape;

namespace {

template <class T>
struct Case {
  bool at, bt;
  std::int64_t m, n, k, apart;
  bool add;

  // Elements that rows of `length` begin after: `apart` more than they have.
  [[nodiscard]] std::int64_t distance(std::int64_t length) const { return length + apart; }

  [[nodiscard]] std::vector<T> made(std::uint32_t seed, std::int64_t rows,
                                    std::int64_t length) const {
    const auto x = noise(seed, rows * distance(length) + 1);
    return {x.begin(), x.end()};
  }

  [[nodiscard]] bool holds() const {
    const std::int64_t la = distance(at ? m : k), lb = distance(bt ? k : n), ly = distance(n);
    const std::vector<T> a = made(1, at ? k : m, at ? m : k), b = made(2, bt ? n : k, bt ? k : n);
    std::vector<T> y = made(3, m, n), expected = y;
    kernel::multiply_small(at, bt, m, n, k, a.data(), la, b.data(), lb, y.data(), ly, add);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        T s{0};
        for (std::int64_t l = 0; l < k; ++l)
          s += a[static_cast<std::size_t>(at ? l * la + i : i * la + l)] *
               b[static_cast<std::size_t>(bt ? j * lb + l : l * lb + j)];
        T& e = expected[static_cast<std::size_t>(i * ly + j)];
        e = add ? e + s : s;
      }
    return std::memcmp(y.data(), expected.data(), y.size() * sizeof(T)) == 0;
  }
};

template <class T>
void check_all() {
  for (const std::int64_t m : {0, 1, 3, 4, 5, 8, 9})
    for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 7, 8})
      for (const std::int64_t k : {0, 1, 2, 3, 4, 5, 7})
        for (const std::int64_t apart : {0, 3})
          for (const bool at : {false, true})
            for (const bool bt : {false, true})
              for (const bool add : {false, true}) {
                INFO(m << " x " << k << " x " << n << ", turned " << at << bt << ", apart " << apart
                       << ", add " << add);
                CHECK(Case<T>{at, bt, m, n, k, apart, add}.holds());
              }
  CHECK(Case<T>{false, true, 1, 1, 512, 0, false}.holds());
  CHECK(Case<T>{true, true, 512, 1, 1, 1, true}.holds());
  CHECK(Case<T>{false, true, 1, 512, 1, 0, false}.holds());
  CHECK(Case<T>{true, false, 1, 512, 1, 0, true}.holds());
}

}  // namespace

TEST_CASE("small products are three plain loops", "[kernels]") {
  check_all<float>();
  check_all<double>();
}
