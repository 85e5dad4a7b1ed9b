// Max-pooling against its plain loops, bit for bit: choosing rounds nothing. Equals, NaN,
// overlapping windows and windows clipped by padding among them.
#include "kernels/pool.hpp"

#include "support/simd.hpp"

using namespace metatape;

namespace {

// Few different numbers, so that windows have equals, and some NaN.
std::vector<float> coarse(std::uint32_t seed, std::int64_t n, bool with_nan) {
  std::vector<float> x = noise(seed, n);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::round(3 * x[i]);
    if (with_nan && i % 11 == 3) x[i] = std::nanf("");
  }
  return x;
}

kernel::Pool pool(std::int64_t h, std::int64_t w, std::int64_t channels, std::int64_t window,
                  std::int64_t stride, std::int64_t padding) {
  return {h,
          w,
          channels,
          (h + 2 * padding - window) / stride + 1,
          (w + 2 * padding - window) / stride + 1,
          {window, window},
          {stride, stride},
          {padding, padding}};
}

}  // namespace

TEST_CASE("max-pooling is its twin", "[kernels]") {
  for (const std::int64_t channels : {0, 1, 3, 8, 15, 16, 17, 64, 67})
    for (const auto& windows :
         {std::array<std::int64_t, 3>{2, 2, 0}, {3, 1, 1}, {3, 2, 1}, {2, 3, 1}, {1, 1, 0}})
      for (const auto& sides :
           {std::array<std::int64_t, 2>{2, 2}, {3, 3}, {4, 7}, {5, 2}, {13, 11}}) {
        const std::int64_t window = windows[0], stride = windows[1], padding = windows[2];
        const std::int64_t h = sides[0], w = sides[1];
        if (std::min(h, w) + 2 * padding < window) continue;
        const kernel::Pool s = pool(h, w, channels, window, stride, padding);
        const std::int64_t in = h * w * channels, out = s.oh * s.ow * channels;
        for (const bool with_nan : {false, true}) {
          const std::vector<float> x = coarse(1, in, with_nan), u = noise(2, in), g = noise(3, out);
          for_each_simd([&] {
            INFO(h << " x " << w << " x " << channels << ", window " << window << ", stride "
                   << stride << ", padding " << padding);
            std::vector<float> found(static_cast<std::size_t>(out)), expected = found;
            kernel::max_pool(s, x.data(), found.data());
            kernel::twin::max_pool(s, x.data(), expected.data());
            for (std::size_t i = 0; i < found.size(); ++i)
              CHECK((found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i]))));
            for (const bool add : {false, true}) {
              found = expected = noise(4, out);
              kernel::max_pool_gather(s, x.data(), u.data(), found.data(), add);
              kernel::twin::max_pool_gather(s, x.data(), u.data(), expected.data(), add);
              CHECK(found == expected);
              found = expected = noise(5, in);
              kernel::max_pool_scatter(s, x.data(), g.data(), found.data(), add);
              kernel::twin::max_pool_scatter(s, x.data(), g.data(), expected.data(), add);
              CHECK(found == expected);
            }
          });
        }
      }
}
