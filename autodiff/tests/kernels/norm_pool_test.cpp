// Normalisation with relu and pool against its plain loops in float64. Values are quarters and
// scales powers of two, so that both find the same pixel to be the largest; equals among them.
#include "kernels/norm_pool.hpp"

#include "support/simd.hpp"

using namespace metatape;

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

Floats quarters(std::uint32_t seed, std::int64_t n) {
  Floats x = noise(seed, n);
  for (float& v : x) v = std::round(8 * v) / 4;
  return x;
}
Floats powers_of_two(std::uint32_t seed, std::int64_t n) {
  Floats x = noise(seed, n);
  for (float& v : x) v = std::copysign(std::exp2(std::round(2 * v)), v);
  return x;
}
Doubles wide(const Floats& x) { return {x.begin(), x.end()}; }
Floats narrow(const Doubles& x) {
  Floats y;
  for (const double v : x) y.push_back(static_cast<float>(v));
  return y;
}

}  // namespace

TEST_CASE("normalising, relu and pooling in one pass are their twin", "[kernels]") {
  for (const std::int64_t n : {0, 1, 7, 8, 15, 16, 17, 33, 64, 67, 131})
    for (const std::int64_t side : {1, 2})
      for (const auto& sides : {std::array<std::int64_t, 2>{2, 2}, {3, 3}, {4, 7}, {31, 1}}) {
        const std::int64_t h = sides[0], w = sides[1];
        const kernel::NormPool s{h, w, n, side};
        const std::int64_t in = h * w * n, out = s.oh() * s.ow() * n;
        const Floats x = quarters(1, in), mean = quarters(2, n), scale = powers_of_two(3, n);
        const Floats shift = quarters(4, n), g = noise(5, out), a = noise(6, n), b = noise(7, n);
        const Floats k = noise(8, n);
        Doubles y(static_cast<std::size_t>(out)), sum(static_cast<std::size_t>(n)), product = sum;
        kernel::norm_pool(s, wide(x).data(), wide(mean).data(), wide(scale).data(),
                          wide(shift).data(), y.data());
        kernel::norm_pool_products(s, wide(g).data(), wide(x).data(), wide(mean).data(),
                                   wide(scale).data(), wide(shift).data(), sum.data(),
                                   product.data());
        const Floats u = noise(10, in);
        Doubles cross = sum;
        kernel::norm_pool_cross(s, wide(g).data(), wide(x).data(), wide(u).data(),
                                wide(mean).data(), wide(scale).data(), wide(shift).data(),
                                cross.data());
        for_each_simd([&] {
          INFO(h << " x " << w << " x " << n << ", windows of " << side);
          Floats found(static_cast<std::size_t>(out) + 1, 9), of_e(static_cast<std::size_t>(n));
          Floats of_product = of_e;
          kernel::norm_pool(s, x.data(), mean.data(), scale.data(), shift.data(), found.data());
          CHECK(found.back() == 9);
          found.pop_back();
          CHECK(difference(found, narrow(y)) == 0);
          kernel::norm_pool_products(s, g.data(), x.data(), mean.data(), scale.data(), shift.data(),
                                     of_e.data(), of_product.data());
          CHECK(difference(of_e, narrow(sum)) < 1e-5);
          CHECK(difference(of_product, narrow(product)) < 1e-5);
          kernel::norm_pool_cross(s, g.data(), x.data(), u.data(), mean.data(), scale.data(),
                                  shift.data(), of_e.data());
          CHECK(difference(of_e, narrow(cross)) < 1e-5);
          for (const bool add : {false, true}) {
            Floats to = noise(11, out);
            Doubles gathered = wide(to);
            kernel::norm_pool_gather(s, wide(x).data(), wide(u).data(), wide(mean).data(),
                                     wide(scale).data(), wide(shift).data(), wide(a).data(),
                                     wide(b).data(), wide(k).data(), gathered.data(), add);
            to.push_back(9);
            kernel::norm_pool_gather(s, x.data(), u.data(), mean.data(), scale.data(), shift.data(),
                                     a.data(), b.data(), k.data(), to.data(), add);
            CHECK(to.back() == 9);
            to.pop_back();
            CHECK(difference(to, narrow(gathered)) < 1e-5);
            Floats d = noise(9, in);
            Doubles expected = wide(d);
            kernel::norm_pool_combine(s, wide(g).data(), wide(x).data(), wide(mean).data(),
                                      wide(scale).data(), wide(shift).data(), wide(a).data(),
                                      wide(b).data(), wide(k).data(), expected.data(), add);
            d.push_back(9);
            kernel::norm_pool_combine(s, g.data(), x.data(), mean.data(), scale.data(),
                                      shift.data(), a.data(), b.data(), k.data(), d.data(), add);
            CHECK(d.back() == 9);
            d.pop_back();
            CHECK(difference(d, narrow(expected)) < 1e-5);
          }
        });
      }
}

TEST_CASE("a column that is NaN stays so and takes no cotangent", "[kernels]") {
  const kernel::NormPool s{2, 2, 17, 2};
  const Floats x = noise(1, 4 * 17), zero(17), one(17, 1);
  Floats mean(17);
  mean[3] = std::nanf("");
  for_each_simd([&] {
    Floats y(17), sum(17), product(17);
    kernel::norm_pool(s, x.data(), mean.data(), one.data(), zero.data(), y.data());
    kernel::norm_pool_products(s, one.data(), x.data(), mean.data(), one.data(), zero.data(),
                               sum.data(), product.data());
    for (std::size_t k = 0; k < 17; ++k) CHECK(std::isnan(y[k]) == (k == 3));
    CHECK(sum[3] == 0);
  });
}
