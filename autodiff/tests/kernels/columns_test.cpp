// Passes over columns against their plain loops in float64, with tails of every length, and nothing
// written past the end.
#include "kernels/columns.hpp"

#include "support/simd.hpp"

using namespace metatape;

namespace {

using Floats = std::vector<float>;

std::vector<double> wide(const Floats& x) { return {x.begin(), x.end()}; }
Floats narrow(const std::vector<double>& x) {
  Floats y;
  for (const double v : x) y.push_back(static_cast<float>(v));
  return y;
}

constexpr float guard = 12345;

// n elements and a guard behind them.
Floats room(std::int64_t n) { return Floats(static_cast<std::size_t>(n) + 1, guard); }
bool take_guard(Floats& x) {
  const bool whole = x.back() == guard;
  x.pop_back();
  return whole;
}

}  // namespace

TEST_CASE("column passes are their twins", "[kernels]") {
  for (const std::int64_t rows : {1, 2, 5, 31, 128})
    for (const std::int64_t n : {0, 1, 2, 7, 8, 13, 16, 17, 31, 33, 63, 64, 65, 67, 131}) {
      const Floats x = noise(1, rows * n), g = noise(2, rows * n), before = noise(3, rows * n);
      const Floats a = noise(4, n), b = noise(5, n), k = noise(6, n);
      const auto count = static_cast<std::size_t>(n), all = static_cast<std::size_t>(rows * n);
      std::vector<double> mean(count), square(count), sum(count), product(count), y(all);
      kernel::column_moments(rows, n, wide(x).data(), mean.data(), square.data());
      const Floats centre = narrow(mean);
      kernel::column_products(rows, n, wide(g).data(), wide(x).data(), wide(centre).data(),
                              sum.data(), product.data());
      kernel::normalise_columns(rows, n, wide(x).data(), wide(centre).data(), wide(a).data(),
                                wide(b).data(), y.data());
      for_each_simd([&] {
        INFO(rows << " x " << n);
        Floats p = room(n), q = room(n), out = room(rows * n);
        kernel::column_moments(rows, n, x.data(), p.data(), q.data());
        CHECK((take_guard(p) && take_guard(q)));
        CHECK(difference(p, centre) < 1e-6);
        CHECK(difference(q, narrow(square)) < 1e-5);

        p = room(n), q = room(n);
        kernel::column_products(rows, n, g.data(), x.data(), centre.data(), p.data(), q.data());
        CHECK((take_guard(p) && take_guard(q)));
        CHECK(difference(p, narrow(sum)) < 1e-5);
        CHECK(difference(q, narrow(product)) < 1e-5);

        kernel::normalise_columns(rows, n, x.data(), centre.data(), a.data(), b.data(), out.data());
        CHECK(take_guard(out));
        CHECK(difference(out, narrow(y)) < 1e-6);

        for (const bool add : {false, true})
          for (const bool has_g : {false, true}) {
            std::vector<double> expected = wide(before);
            kernel::combine_columns(rows, n, wide(g).data(), wide(x).data(), wide(centre).data(),
                                    has_g ? wide(a).data() : nullptr, wide(b).data(),
                                    wide(k).data(), expected.data(), add);
            Floats d = before;
            d.push_back(guard);
            kernel::combine_columns(rows, n, has_g ? g.data() : nullptr, x.data(), centre.data(),
                                    has_g ? a.data() : nullptr, b.data(), k.data(), d.data(), add);
            CHECK(take_guard(d));
            CHECK(difference(d, narrow(expected)) < 1e-6);
          }
      });
    }
}
