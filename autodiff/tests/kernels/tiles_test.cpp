// The register tiles against plain sums in float64: every number of rows and columns that a tile
// can be cut to, and a depth of more than one panel.
#include "kernels/tiles.hpp"

#include "kernels/winograd.hpp"
#include "support/simd.hpp"

using namespace metatape;

namespace {

bool has_tiles() { return kernel::simd() != kernel::Simd::plain; }

std::vector<float> room(std::int64_t n) { return std::vector<float>(static_cast<std::size_t>(n)); }

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// b [k, n] or [n, k], a [m, k] or [k, m], added to y.
void plain_product(bool a_turned, bool b_turned, std::int64_t m, std::int64_t n, std::int64_t k,
                   const std::vector<float>& a, const std::vector<float>& b,
                   std::vector<float>& y) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      auto sum = static_cast<double>(y[at(i * n + j)]);
      for (std::int64_t l = 0; l < k; ++l)
        sum += static_cast<double>(a[at(a_turned ? l * m + i : i * k + l)]) *
               static_cast<double>(b[at(b_turned ? j * k + l : l * n + j)]);
      y[at(i * n + j)] = static_cast<float>(sum);
    }
}

// Calls f(pixel of y, tap, pixel of x) where the tap is inside the image.
template <class F>
void for_each_tap(const kernel::SquareConv& s, const F& f) {
  for (std::int64_t oy = 0; oy < s.oh; ++oy)
    for (std::int64_t ox = 0; ox < s.ow; ++ox)
      for (std::int64_t tap = 0; tap < s.area(); ++tap) {
        const std::int64_t y = oy * s.stride + tap / s.side - s.border();
        const std::int64_t x = ox * s.stride + tap % s.side - s.border();
        if (y >= 0 && y < s.h && x >= 0 && x < s.w) f(oy * s.ow + ox, tap, y * s.w + x);
      }
}

kernel::SquareConv convolution(std::int64_t h, std::int64_t w, std::int64_t in, std::int64_t out,
                               std::int64_t stride, std::int64_t side = 3) {
  return {h, w, in, (h - 1) / stride + 1, (w - 1) / stride + 1, out, stride, side};
}

}  // namespace

TEST_CASE("packed products are plain ones", "[kernels]") {
  for_each_simd([&] {
    if (!has_tiles()) return;
    for (const std::int64_t m : {0, 1, 2, 3, 4, 5, 6, 7, 13})
      for (const std::int64_t n : {1, 5, 8, 16, 17, 33, 48, 64, 65, 127})
        for (const std::int64_t k : {0, 1, 7, 512, 515})
          for (const bool a_turned : {false, true})
            for (const bool b_turned : {false, true}) {
              INFO(m << " x " << n << " x " << k << ", turned " << a_turned << b_turned);
              const auto a = noise(1, m * k), b = noise(2, k * n);
              auto packed = room(kernel::packed_size(k, n));
              kernel::pack(b_turned, k, n, b.data(), b_turned ? k : n, packed.data());
              for (const bool add : {false, true}) {
                auto found = noise(3, m * n), expected = add ? found : room(m * n);
                kernel::multiply_packed(a_turned, m, n, k, a.data(), a_turned ? m : k,
                                        packed.data(), found.data(), n, add);
                plain_product(a_turned, b_turned, m, n, k, a, b, expected);
                REQUIRE(difference(found, expected) < 3e-5);
              }
            }
  });
}

TEST_CASE("square convolutions and their gradients are plain sums", "[kernels]") {
  for_each_simd([&] {
    if (!has_tiles()) return;
    for (const auto& [h, w] : {std::array<std::int64_t, 2>{1, 1}, {1, 4}, {3, 2}, {7, 5}})
      for (const std::int64_t in : {1, 3, 16, 17})
        for (const std::int64_t out : {1, 16, 24, 33, 48, 64})
          for (const auto& [side, stride] :
               {std::array<std::int64_t, 2>{3, 1}, {3, 2}, {5, 1}, {7, 3}, {1, 2}}) {
            INFO(side << "-sided, " << h << " x " << w << " x " << in << " to " << out
                      << ", stride " << stride);
            const kernel::SquareConv s = convolution(h, w, in, out, stride, side);
            const std::int64_t pixels = s.oh * s.ow;
            const auto x = noise(1, h * w * in), weight = noise(2, out * in * s.area());
            const auto g = noise(3, pixels * out);
            auto padded = room(s.padded_size());
            auto packed = room(kernel::packed_size(s.taps(), out));
            kernel::pad_image(s, x.data(), padded.data());
            kernel::pack_square_conv(s, weight.data(), packed.data());
            for (const bool add : {false, true}) {
              auto found = noise(4, pixels * out), expected = add ? found : room(pixels * out);
              kernel::square_conv(s, padded.data(), packed.data(), found.data(), add);
              for_each_tap(s, [&](std::int64_t p, std::int64_t tap, std::int64_t q) {
                for (std::int64_t o = 0; o < out; ++o)
                  for (std::int64_t c = 0; c < in; ++c)
                    expected[at(p * out + o)] +=
                        weight[at((o * in + c) * s.area() + tap)] * x[at(q * in + c)];
              });
              REQUIRE(difference(found, expected) < 3e-5);
            }
            if (kernel::has_square_conv_weight_gradient(s)) {
              auto found = noise(5, s.taps() * out), expected = found;
              kernel::square_conv_weight_gradient(s, padded.data(), g.data(), found.data());
              for_each_tap(s, [&](std::int64_t p, std::int64_t tap, std::int64_t q) {
                for (std::int64_t c = 0; c < in; ++c)
                  for (std::int64_t o = 0; o < out; ++o)
                    expected[at((tap * in + c) * out + o)] +=
                        x[at(q * in + c)] * g[at(p * out + o)];
              });
              REQUIRE(difference(found, expected) < 3e-5);
            }
            if (stride == 1) {
              const kernel::SquareConv back{h, w, out, h, w, in, 1, side};
              auto border = room(back.padded_size());
              auto turned = room(kernel::packed_size(back.taps(), in));
              auto found = room(h * w * in), expected = found;
              kernel::pad_image(back, g.data(), border.data());
              kernel::pack_square_conv_turned(back, weight.data(), turned.data());
              kernel::square_conv(back, border.data(), turned.data(), found.data(), false);
              for_each_tap(s, [&](std::int64_t p, std::int64_t tap, std::int64_t q) {
                for (std::int64_t o = 0; o < out; ++o)
                  for (std::int64_t c = 0; c < in; ++c)
                    expected[at(q * in + c)] +=
                        weight[at((o * in + c) * s.area() + tap)] * g[at(p * out + o)];
              });
              REQUIRE(difference(found, expected) < 3e-5);
            }
          }
  });
}

TEST_CASE("3x3 convolutions by way of 16 points are the same sums", "[kernels]") {
  for_each_simd([&] {
    if (!has_tiles()) return;
    for (const auto& [h, w] : {std::array<std::int64_t, 2>{1, 1}, {2, 5}, {7, 7}, {15, 14}})
      for (const std::int64_t in : {1, 16, 19})
        for (const std::int64_t out : {1, 16, 33, 64})
          for (const std::int64_t images : {1, 3}) {
            INFO(images << " of " << h << " x " << w << " x " << in << " to " << out);
            const kernel::SquareConv s = convolution(h, w, in, out, 1);
            const std::int64_t pixels = h * w;
            const auto x = noise(1, images * pixels * in), weight = noise(2, out * in * 9);
            const auto g = noise(3, images * pixels * out);
            auto room_for = room(kernel::winograd_room(s));
            auto packed = room(kernel::winograd_packed_size(s));
            auto packing = room(kernel::winograd_packing_room(s));
            for (const bool turned : {false, true})
              for (const bool add : {false, true}) {
                auto found = noise(4, images * pixels * out);
                auto expected = add ? found : room(images * pixels * out);
                kernel::winograd_pack(s, turned, weight.data(), packed.data(), packing.data());
                kernel::winograd(s, images, x.data(), packed.data(), found.data(), add,
                                 room_for.data());
                for (std::int64_t i = 0; i < images; ++i)
                  for_each_tap(s, [&](std::int64_t p, std::int64_t tap, std::int64_t q) {
                    for (std::int64_t o = 0; o < out; ++o)
                      for (std::int64_t c = 0; c < in; ++c)
                        expected[at((i * pixels + p) * out + o)] +=
                            weight[at(turned ? (c * out + o) * 9 + 8 - tap
                                             : (o * in + c) * 9 + tap)] *
                            x[at((i * pixels + q) * in + c)];
                  });
                REQUIRE(difference(found, expected) < 3e-5);
              }
            auto sums = room(16 * in * out), taps = room(s.taps() * out), expected = taps;
            kernel::winograd_weight_gradient(s, images, x.data(), g.data(), sums.data(),
                                             room_for.data());
            kernel::winograd_taps(s, sums.data(), taps.data());
            for (std::int64_t i = 0; i < images; ++i)
              for_each_tap(s, [&](std::int64_t p, std::int64_t tap, std::int64_t q) {
                for (std::int64_t c = 0; c < in; ++c)
                  for (std::int64_t o = 0; o < out; ++o)
                    expected[at((tap * in + c) * out + o)] +=
                        x[at((i * pixels + q) * in + c)] * g[at((i * pixels + p) * out + o)];
              });
            REQUIRE(difference(taps, expected) < 3e-5);
          }
  });
}

TEST_CASE("a run of images cut in two is the same bits", "[kernels]") {
  for_each_simd([&] {
    if (!has_tiles()) return;
    const kernel::SquareConv s = convolution(7, 6, 17, 20, 1);
    const auto x = noise(1, 4 * 42 * 17), weight = noise(2, 20 * 17 * 9);
    auto packed = room(kernel::winograd_packed_size(s));
    auto work = room(kernel::winograd_room(s)), packing = room(kernel::winograd_packing_room(s));
    auto whole = room(4 * 42 * 20), cut = whole;
    kernel::winograd_pack(s, false, weight.data(), packed.data(), packing.data());
    kernel::winograd(s, 4, x.data(), packed.data(), whole.data(), false, work.data());
    for (std::int64_t i = 0; i < 4; ++i)
      kernel::winograd(s, 1, x.data() + i * 42 * 17, packed.data(), cut.data() + i * 42 * 20, false,
                       work.data());
    CHECK(whole == cut);
  });
}
