// winograd.cpp: the transforms, a vector of channels at a time, and the products between them.
#include "winograd.hpp"

#include <algorithm>

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.hpp"

#ifndef METATAPE_WINOGRAD_SIZES
#define METATAPE_WINOGRAD_SIZES
namespace metatape::kernel {
namespace {

constexpr std::int64_t points = 16;
// Tiles that go through the points together. With 64 channels and filters they and the weights
// fill two thirds of a core's L2; a map of 14 x 14 has 49.
constexpr std::int64_t most_tiles = 54;

struct Tiles {
  explicit Tiles(const SquareConv& s) : down((s.oh + 1) / 2), across((s.ow + 1) / 2) {}
  [[nodiscard]] std::int64_t count() const { return down * across; }
  std::int64_t down, across;
};

// From one point's matrix [tiles, n] to the next. One more vector than it needs: at a multiple of
// 4 KiB the 16 stores of a tile would share a set of the cache.
std::int64_t point_stride(std::int64_t tiles, std::int64_t n) { return tiles * n + 16; }

// Channels of a pixel outside the image.
std::int64_t widest(const SquareConv& s) { return std::max(s.in, s.out); }

// Calls f(first, count) for stretches of a run's tiles, as equal as they can be.
template <class F>
void for_stretches(std::int64_t tiles, const F& f) {
  const std::int64_t stretches = (tiles + most_tiles - 1) / most_tiles;
  for (std::int64_t i = 0; i < stretches; ++i) {
    const std::int64_t first = i * tiles / stretches;
    f(first, (i + 1) * tiles / stretches - first);
  }
}

// Where a tile's pixels are: Side x Side of them from row y and column x on; `outside` for those
// that the image does not have.
template <int Side, class T>
void pixels(T* image, std::int64_t h, std::int64_t w, std::int64_t n, std::int64_t y,
            std::int64_t x, T* outside, T** at) {
  for (std::int64_t r = y; r < y + Side; ++r)
    for (std::int64_t q = x; q < x + Side; ++q)
      *at++ = r >= 0 && r < h && q >= 0 && q < w ? image + (r * w + q) * n : outside;
}

}  // namespace
}  // namespace metatape::kernel
#endif

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

HWY_INLINE V half(V v) { return hn::Mul(v, set(0.5f)); }

// Each takes values `step` apart to values `step` apart, in place where they are as many.
HWY_INLINE void input_points(V* v, int step) {  // B'
  const V a = v[0], b = v[step], c = v[2 * step], d = v[3 * step];
  v[0] = hn::Sub(a, c);
  v[step] = hn::Add(b, c);
  v[2 * step] = hn::Sub(c, b);
  v[3 * step] = hn::Sub(b, d);
}
HWY_INLINE void output_pixels(const V* v, int step, V* y, int to) {  // A'
  y[0] = hn::Add(v[0], hn::Add(v[step], v[2 * step]));
  y[to] = hn::Sub(hn::Sub(v[step], v[2 * step]), v[3 * step]);
}
HWY_INLINE void gradient_points(const V* g, int step, V* v, int to) {  // A
  const V a = g[0], b = g[step];
  v[0] = a;
  v[to] = hn::Add(a, b);
  v[2 * to] = hn::Sub(a, b);
  v[3 * to] = hn::Neg(b);
}
HWY_INLINE void weight_points(const V* w, int step, V* v, int to) {  // G
  const V a = w[0], b = w[step], c = w[2 * step], ends = half(hn::Add(a, c)), middle = half(b);
  v[0] = a;
  v[to] = hn::Add(ends, middle);
  v[2 * to] = hn::Sub(ends, middle);
  v[3 * to] = c;
}
HWY_INLINE void weight_taps(const V* v, int step, V* w, int to) {  // G'
  const V plus = half(hn::Add(v[step], v[2 * step])), minus = half(hn::Sub(v[step], v[2 * step]));
  w[0] = hn::Add(v[0], plus);
  w[to] = minus;
  w[2 * to] = hn::Add(plus, v[3 * step]);
}

// v [16][tiles, in] = B' x B for a stretch of tiles of a run of images.
HWY_INLINE void input_to_points(const SquareConv& s, const float* x, std::int64_t first,
                                std::int64_t count, const float* zeros, float* v) {
  const Tiles tiles(s);
  const std::int64_t stride = point_stride(count, s.in);
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t image = (first + t) / tiles.count(), tile = (first + t) % tiles.count();
    const float* from[16];
    pixels<4>(x + image * s.h * s.w * s.in, s.h, s.w, s.in, tile / tiles.across * 2 - 1,
              tile % tiles.across * 2 - 1, zeros, from);
    for_vectors(s.in, [&](std::int64_t k, auto part) HWY_ATTR {
      V d[16];
      for (int i = 0; i < 16; ++i) d[i] = part.load(from[i] + k);
      for (int i = 0; i < 4; ++i) input_points(d + i, 4);
      for (int i = 0; i < 4; ++i) input_points(d + 4 * i, 1);
      float* to = v + t * s.in + k;
      for (int i = 0; i < 16; ++i, to += stride) part.store(d[i], to);
    });
  }
}

// y (add ? += : =) A' m A for m [16][tiles, out].
HWY_INLINE void points_to_output(const SquareConv& s, const float* m, std::int64_t first,
                                 std::int64_t count, float* y, bool add) {
  const Tiles tiles(s);
  const std::int64_t stride = point_stride(count, s.out);
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t image = (first + t) / tiles.count(), tile = (first + t) % tiles.count();
    float* to[4];
    pixels<2>(y + image * s.oh * s.ow * s.out, s.oh, s.ow, s.out, tile / tiles.across * 2,
              tile % tiles.across * 2, static_cast<float*>(nullptr), to);
    for_vectors(s.out, [&](std::int64_t k, auto part) HWY_ATTR {
      V v[16], half_way[8], p[4];
      const float* from = m + t * s.out + k;
      for (int i = 0; i < 16; ++i, from += stride) v[i] = part.load(from);
      for (int i = 0; i < 4; ++i) output_pixels(v + i, 4, half_way + i, 4);
      for (int i = 0; i < 2; ++i) output_pixels(half_way + 4 * i, 1, p + 2 * i, 1);
      for (int i = 0; i < 4; ++i) {
        if (!to[i]) continue;
        part.store(add ? hn::Add(part.load(to[i] + k), p[i]) : p[i], to[i] + k);
      }
    });
  }
}

// v [16][tiles, out] = A g A'
HWY_INLINE void gradient_to_points(const SquareConv& s, const float* g, std::int64_t first,
                                   std::int64_t count, const float* zeros, float* v) {
  const Tiles tiles(s);
  const std::int64_t stride = point_stride(count, s.out);
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t image = (first + t) / tiles.count(), tile = (first + t) % tiles.count();
    const float* from[4];
    pixels<2>(g + image * s.oh * s.ow * s.out, s.oh, s.ow, s.out, tile / tiles.across * 2,
              tile % tiles.across * 2, zeros, from);
    for_vectors(s.out, [&](std::int64_t k, auto part) HWY_ATTR {
      V p[4], half_way[8], d[16];
      for (int i = 0; i < 4; ++i) p[i] = part.load(from[i] + k);
      for (int i = 0; i < 2; ++i) gradient_points(p + i, 2, half_way + i, 2);
      for (int i = 0; i < 4; ++i) gradient_points(half_way + 2 * i, 1, d + 4 * i, 1);
      float* to = v + t * s.out + k;
      for (int i = 0; i < 16; ++i, to += stride) part.store(d[i], to);
    });
  }
}

// to [16][in, out] = G w G'. A channel's taps [9, out] are laid out first: as many streams at the
// distance of whole weights would share a set of the cache.
void WinogradWeights(const SquareConv& s, bool turned, const float* weight, float* to,
                     float* taps) {
  const std::int64_t n = s.in * s.out, next = turned ? 9 : s.in * 9;
  for (std::int64_t c = 0; c < s.in; ++c) {
    const float* w = weight + c * (turned ? s.out * 9 : 9);
    for (std::int64_t o = 0; o < s.out; ++o, w += next)
      for (std::int64_t tap = 0; tap < 9; ++tap) taps[tap * s.out + o] = w[turned ? 8 - tap : tap];
    for_vectors(s.out, [&](std::int64_t k, auto part) HWY_ATTR {
      V v[9], half_way[12], p[16];
      for (int i = 0; i < 9; ++i) v[i] = part.load(taps + i * s.out + k);
      for (int i = 0; i < 3; ++i) weight_points(v + i, 3, half_way + i, 3);
      for (int i = 0; i < 4; ++i) weight_points(half_way + 3 * i, 1, p + 4 * i, 1);
      for (int i = 0; i < 16; ++i) part.store(p[i], to + i * n + c * s.out + k);
    });
  }
}

void WinogradTaps(const SquareConv& s, const float* sums, float* taps) {
  const std::int64_t n = s.in * s.out;
  for_vectors(n, [&](std::int64_t k, auto part) HWY_ATTR {
    V v[16], half_way[12], w[9];
    for (int i = 0; i < 16; ++i) v[i] = part.load(sums + i * n + k);
    for (int i = 0; i < 4; ++i) weight_taps(v + i, 4, half_way + i, 4);
    for (int i = 0; i < 3; ++i) weight_taps(half_way + 4 * i, 1, w + 3 * i, 1);
    for (int i = 0; i < 9; ++i) part.store(w[i], taps + i * n + k);
  });
}

void Winograd(const SquareConv& s, std::int64_t images, const float* x, const float* packed,
              float* y, bool add, float* room) {
  const std::int64_t weights = packed_size(s.in, s.out), zeros = widest(s);
  std::fill_n(room, zeros, 0.0f);
  for_stretches(images * Tiles(s).count(), [&](std::int64_t first, std::int64_t count) {
    const std::int64_t from = point_stride(count, s.in), to = point_stride(count, s.out);
    float *v = room + zeros, *m = v + points * from;
    input_to_points(s, x, first, count, room, v);
    for (std::int64_t p = 0; p < points; ++p)
      multiply_packed(false, count, s.out, s.in, v + p * from, s.in, packed + p * weights,
                      m + p * to, s.out, false);
    points_to_output(s, m, first, count, y, add);
  });
}

void WinogradWeightGradient(const SquareConv& s, std::int64_t images, const float* x,
                            const float* g, float* sums, float* room) {
  const std::int64_t zeros = widest(s);
  std::fill_n(room, zeros, 0.0f);
  for_stretches(images * Tiles(s).count(), [&](std::int64_t first, std::int64_t count) {
    const std::int64_t from = point_stride(count, s.in), with = point_stride(count, s.out);
    float *v = room + zeros, *u = v + points * from, *packed = u + points * with;
    input_to_points(s, x, first, count, room, v);
    gradient_to_points(s, g, first, count, room, u);
    for (std::int64_t p = 0; p < points; ++p) {
      pack(false, count, s.out, u + p * with, s.out, packed);
      multiply_packed(true, s.in, s.out, count, v + p * from, s.in, packed, sums + p * s.in * s.out,
                      s.out, true);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(WinogradWeights);
HWY_EXPORT(WinogradTaps);
HWY_EXPORT(Winograd);
HWY_EXPORT(WinogradWeightGradient);

bool has_winograd(const SquareConv& s) {
  constexpr std::int64_t least_channels = 16, least_side = 4;
  return simd() != Simd::plain && s.side == 3 && s.stride == 1 &&
         std::min(s.in, s.out) >= least_channels && std::min(s.oh, s.ow) >= least_side;
}

std::int64_t winograd_images(const SquareConv& s) {
  return std::max<std::int64_t>(1, most_tiles / Tiles(s).count());
}

std::int64_t winograd_packed_size(const SquareConv& s) { return points * packed_size(s.in, s.out); }

std::int64_t winograd_packing_room(const SquareConv& s) { return (9 + points * s.in) * s.out; }

void winograd_pack(const SquareConv& s, bool turned, const float* weight, float* packed,
                   float* room) {
  const bool as_it_stands = is_packed(s.out);
  float* at_points = as_it_stands ? packed : room + 9 * s.out;
  HWY_DYNAMIC_DISPATCH(WinogradWeights)(s, turned, weight, at_points, room);
  for (std::int64_t p = 0; p < points && !as_it_stands; ++p)
    pack(false, s.in, s.out, at_points + p * s.in * s.out, s.out,
         packed + p * packed_size(s.in, s.out));
}

std::int64_t winograd_room(const SquareConv& s) {
  return widest(s) + points * (point_stride(most_tiles, s.in) + point_stride(most_tiles, s.out)) +
         packed_size(most_tiles, s.out);
}

void winograd(const SquareConv& s, std::int64_t images, const float* x, const float* packed,
              float* y, bool add, float* room) {
  HWY_DYNAMIC_DISPATCH(Winograd)(s, images, x, packed, y, add, room);
}

void winograd_weight_gradient(const SquareConv& s, std::int64_t images, const float* x,
                              const float* g, float* sums, float* room) {
  HWY_DYNAMIC_DISPATCH(WinogradWeightGradient)(s, images, x, g, sums, room);
}

void winograd_taps(const SquareConv& s, const float* sums, float* taps) {
  HWY_DYNAMIC_DISPATCH(WinogradTaps)(s, sums, taps);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
