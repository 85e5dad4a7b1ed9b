// convolution_loops.hpp: the three products of a convolution, for any stride, padding, dilation and
// groups: value, gradient of the input, gradient of the weight. Each image's patches are laid out
// as the rows of a matrix (im2col) in scratch memory, one image a worker; 1x1 kernels need none.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/tiles.hpp"
#include "kernels/winograd.hpp"
#include "moments.hpp"
#include "products.hpp"

namespace metatape::ops {

struct ConvGeometry {
  std::int64_t n, h, w, in;  // x [n, h, w, in]
  std::int64_t oh, ow, out;  // y [n, oh, ow, out]
  std::int64_t kh, kw;       // weight [out, in / groups, kh, kw]
  std::array<std::int64_t, 2> stride, padding, dilation;
  std::int64_t groups;

  [[nodiscard]] std::int64_t pixels() const { return oh * ow; }
  [[nodiscard]] std::int64_t in_group() const { return in / groups; }
  [[nodiscard]] std::int64_t out_group() const { return out / groups; }
  [[nodiscard]] std::int64_t taps() const { return kh * kw * in_group(); }  // a filter's weights
  [[nodiscard]] std::int64_t weights() const { return out * taps(); }
  [[nodiscard]] bool pointwise() const {
    return kh * kw == 1 && groups == 1 && stride[0] * stride[1] == 1 &&
           padding[0] + padding[1] == 0;
  }
};

// What the tiles of kernels/tiles.hpp can do; the loops below are their twin.
template <Scalar T>
bool has_tile(const ConvGeometry& s) {
  return std::is_same_v<T, float> && s.kh == s.kw && s.kh % 2 == 1 && s.groups == 1 &&
         s.stride[0] == s.stride[1] && s.padding[0] == s.kh / 2 && s.padding[1] == s.kh / 2 &&
         s.dilation[0] == 1 && s.dilation[1] == 1 && s.h > 0 && s.w > 0 && s.in > 0 && s.out > 0 &&
         kernel::simd() != kernel::Simd::plain;
}

inline kernel::SquareConv tile_shape(const ConvGeometry& s) {
  return {s.h, s.w, s.in, s.oh, s.ow, s.out, s.stride[0], s.kh};
}

// [out, in / groups, kh, kw] <-> [out, kh, kw, in / groups]: patches have channels last.
template <Scalar T>
void pack_weight(const ConvGeometry& s, const T* w, T* packed) {
  const std::int64_t area = s.kh * s.kw, ci = s.in_group();
  for (std::int64_t o = 0; o < s.out; ++o, w += area * ci, packed += area * ci)
    for (std::int64_t c = 0; c < ci; ++c)
      for (std::int64_t t = 0; t < area; ++t) packed[t * ci + c] = w[c * area + t];
}
template <Scalar T>
void unpack_weight(const ConvGeometry& s, const T* packed, T* w, bool add) {
  const std::int64_t area = s.kh * s.kw, ci = s.in_group();
  for (std::int64_t o = 0; o < s.out; ++o, w += area * ci, packed += area * ci)
    for (std::int64_t c = 0; c < ci; ++c)
      for (std::int64_t t = 0; t < area; ++t)
        w[c * area + t] = add ? w[c * area + t] + packed[t * ci + c] : packed[t * ci + c];
}

// Calls f(patch position, image position or -1 outside) for each run of in_group() channels.
template <class F>
void for_each_tap(const ConvGeometry& s, std::int64_t group, const F& f) {
  const std::int64_t ci = s.in_group();
  std::int64_t to = 0;
  for (std::int64_t oy = 0; oy < s.oh; ++oy)
    for (std::int64_t ox = 0; ox < s.ow; ++ox)
      for (std::int64_t ky = 0; ky < s.kh; ++ky) {
        const std::int64_t y = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
        for (std::int64_t kx = 0; kx < s.kw; ++kx, to += ci) {
          const std::int64_t x = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
          const bool inside = y >= 0 && y < s.h && x >= 0 && x < s.w;
          f(to, inside ? (y * s.w + x) * s.in + group * ci : -1);
        }
      }
}

template <Scalar T>
void patches(const ConvGeometry& s, std::int64_t group, const T* image, T* rows) {
  const std::int64_t ci = s.in_group();
  for_each_tap(s, group, [&](std::int64_t to, std::int64_t from) {
    if (from < 0)
      std::fill_n(rows + to, ci, T{0});
    else
      std::copy_n(image + from, ci, rows + to);
  });
}

// A few images a block: its padded image and the weights then stay in a core's cache.
template <class Context>
void tile_value(const Context& c, const kernel::SquareConv& s, std::int64_t n, const float* x,
                const float* w, float* y, bool add, bool turned,
                const MomentsAsWritten<float>& written = {}) {
  const std::int64_t pixels = s.oh * s.ow;
  const std::int64_t from = s.h * s.w * s.in, to = s.oh * s.ow * s.out;
  if (kernel::has_winograd(s)) {
    float* packed = c.template scratch<float>(kernel::winograd_packed_size(s));
    kernel::winograd_pack(s, turned, w, packed,
                          c.template scratch<float>(kernel::winograd_packing_room(s)));
    const std::int64_t run = kernel::winograd_images(s), size = kernel::winograd_room(s);
    float* room = c.template scratch<float>(workers(c) * size);
    return run_blocks(c, (n + run - 1) / run, [&](std::int64_t b, int worker) {
      const std::int64_t first = b * run;
      const std::int64_t images = std::min(run, n - first);
      kernel::winograd(s, images, x + first * from, packed, y + first * to, add,
                       room + worker * size);
      written.wrote(first * pixels, images * pixels);
    });
  }
  float* packed = c.template scratch<float>(kernel::packed_size(s.taps(), s.out));
  turned ? kernel::pack_square_conv_turned(s, w, packed) : kernel::pack_square_conv(s, w, packed);
  float* padded = c.template scratch<float>(workers(c) * s.padded_size());
  run_blocks(c, n, [&](std::int64_t i, int worker) {
    float* image = padded + worker * s.padded_size();
    kernel::pad_image(s, x + i * from, image);
    kernel::square_conv(s, image, packed, y + i * to, add);
    written.wrote(i * pixels, pixels);
  });
}

// taps [side, side, in, out] = the weight gradient of n images.
inline void tile_part(const kernel::SquareConv& s, std::int64_t n, const float* x, const float* g,
                      float* taps, float* room) {
  std::fill_n(taps, s.taps() * s.out, 0.0f);
  for (std::int64_t i = 0; i < n; ++i) {
    kernel::pad_image(s, x + i * s.h * s.w * s.in, room);
    kernel::square_conv_weight_gradient(s, room, g + i * s.oh * s.ow * s.out, taps);
  }
}
inline void winograd_part(const kernel::SquareConv& s, std::int64_t n, const float* x,
                          const float* g, float* taps, float* room) {
  const std::int64_t size = 16 * s.in * s.out, run = kernel::winograd_images(s);
  float* sums = room + kernel::winograd_room(s);
  std::fill_n(sums, size, 0.0f);
  for (std::int64_t i = 0; i < n; i += run)
    kernel::winograd_weight_gradient(s, std::min(run, n - i), x + i * s.h * s.w * s.in,
                                     g + i * s.oh * s.ow * s.out, sums, room);
  kernel::winograd_taps(s, sums, taps);
}

// The tiles' sums are [side, side, in, out]; a weight is [out, in, side, side].
template <class Context>
void tile_weight_gradient(const Context& c, const kernel::SquareConv& s, std::int64_t n,
                          std::int64_t parts, const float* g, const float* x, float* sums,
                          float* dw, bool add) {
  const std::int64_t size = s.taps() * s.out;
  const bool winograd = kernel::has_winograd(s);
  const std::int64_t need =
      winograd ? kernel::winograd_room(s) + 16 * s.in * s.out : s.padded_size();
  float* room = c.template scratch<float>(workers(c) * need);
  run_blocks(c, parts, [&](std::int64_t part, int worker) {
    const std::int64_t first = part * n / parts;
    (winograd ? winograd_part : tile_part)(
        s, (part + 1) * n / parts - first, x + first * s.h * s.w * s.in,
        g + first * s.oh * s.ow * s.out, sums + part * size, room + worker * need);
  });
  for (std::int64_t part = 1; part < parts; ++part)
    for (std::int64_t k = 0; k < size; ++k) sums[k] += sums[part * size + k];
  // Filters innermost: a line of dw stays in cache from one channel to the next.
  for (std::int64_t i = 0; i < s.in; ++i)
    for (std::int64_t o = 0; o < s.out; ++o) {
      float* to = dw + (o * s.in + i) * s.area();
      const float* from = sums + i * s.out + o;
      for (std::int64_t tap = 0; tap < s.area(); ++tap)
        to[tap] = add ? to[tap] + from[tap * s.in * s.out] : from[tap * s.in * s.out];
    }
}

/// y (add ? += : =) conv(x, w). `written` is told of y's rows, pixels of all images, unless the
/// kernel is pointwise.
template <Scalar T, class Context>
void conv_value(const Context& c, const ConvGeometry& s, const T* x, const T* w, T* y, bool add,
                const MomentsAsWritten<T>& written = {}) {
  if (s.pointwise())
    return multiply(c, Transpose::no, Transpose::yes, s.n * s.pixels(), s.out, s.in, x, w, y, add);
  if constexpr (std::is_same_v<T, float>) {
    if (has_tile<T>(s)) return tile_value(c, tile_shape(s), s.n, x, w, y, add, false, written);
  }
  T* packed = c.template scratch<T>(s.weights());
  pack_weight(s, w, packed);
  const std::int64_t rows_size = s.pixels() * s.taps(), og = s.out_group();
  T* rows = c.template scratch<T>(workers(c) * rows_size);
  run_blocks(c, s.n, [&](std::int64_t i, int worker) {
    T* r = rows + worker * rows_size;
    for (std::int64_t g = 0; g < s.groups; ++g) {
      patches(s, g, x + i * s.h * s.w * s.in, r);
      multiply_strided(Transpose::no, Transpose::yes, s.pixels(), og, s.taps(), r, s.taps(),
                       packed + g * og * s.taps(), s.taps(), y + i * s.pixels() * s.out + g * og,
                       s.out, add);
    }
    written.wrote(i * s.pixels(), s.pixels());
  });
}

/// dx (add ? += : =) the gradient of conv(x, w) at the cotangent g
template <Scalar T, class Context>
void conv_input_gradient(const Context& c, const ConvGeometry& s, const T* g, const T* w, T* dx,
                         bool add) {
  if (s.pointwise())
    return multiply(c, Transpose::no, Transpose::no, s.n * s.pixels(), s.in, s.out, g, w, dx, add);
  if constexpr (std::is_same_v<T, float>) {
    if (has_tile<T>(s) && s.stride[0] == 1)
      return tile_value(c, {s.oh, s.ow, s.out, s.h, s.w, s.in, 1, s.kh}, s.n, g, w, dx, add, true);
  }
  T* packed = c.template scratch<T>(s.weights());
  pack_weight(s, w, packed);
  const std::int64_t rows_size = s.pixels() * s.taps(), og = s.out_group(), ci = s.in_group();
  T* rows = c.template scratch<T>(workers(c) * rows_size);
  run_blocks(c, s.n, [&](std::int64_t i, int worker) {
    T* r = rows + worker * rows_size;
    T* image = dx + i * s.h * s.w * s.in;
    if (!add) std::fill_n(image, s.h * s.w * s.in, T{0});
    for (std::int64_t group = 0; group < s.groups; ++group) {
      multiply_strided(Transpose::no, Transpose::no, s.pixels(), s.taps(), og,
                       g + i * s.pixels() * s.out + group * og, s.out,
                       packed + group * og * s.taps(), s.taps(), r, s.taps(), false);
      for_each_tap(s, group, [&](std::int64_t from, std::int64_t to) {
        if (to < 0) return;
        for (std::int64_t k = 0; k < ci; ++k) image[to + k] += r[from + k];
      });
    }
  });
}

/// In how many parts the images of a weight gradient are summed: a number that depends on the
/// problem alone, so that the bits do not depend on the number of threads. Each part makes sums as
/// large as the weight, which a few pixels do not pay for.
inline std::int64_t weight_gradient_parts(const ConvGeometry& s, bool winograd) {
  constexpr std::int64_t most = 16, least_pixels = 64;
  const std::int64_t images =
      winograd ? kernel::winograd_images(tile_shape(s))
               : std::max<std::int64_t>(1, least_pixels / std::max<std::int64_t>(s.pixels(), 1));
  return std::clamp<std::int64_t>(s.n / images, 1, most);
}

/// dw (add ? += : =) the gradient of conv(x, w) at the cotangent g.
template <Scalar T, class Context>
void conv_weight_gradient(const Context& c, const ConvGeometry& s, const T* g, const T* x, T* dw,
                          bool add) {
  if (s.pointwise())
    return multiply(c, Transpose::yes, Transpose::no, s.out, s.in, s.n * s.pixels(), g, x, dw, add);
  const bool winograd = has_tile<T>(s) && kernel::has_winograd(tile_shape(s));
  const std::int64_t parts = weight_gradient_parts(s, winograd);
  T* sums = c.template scratch<T>(parts * s.weights());
  if constexpr (std::is_same_v<T, float>) {
    if (winograd || (has_tile<T>(s) && kernel::has_square_conv_weight_gradient(tile_shape(s))))
      return tile_weight_gradient(c, tile_shape(s), s.n, parts, g, x, sums, dw, add);
  }
  const std::int64_t rows_size = s.pixels() * s.taps(), og = s.out_group();
  T* rows = c.template scratch<T>(workers(c) * rows_size);
  run_blocks(c, parts, [&](std::int64_t part, int worker) {
    T* r = rows + worker * rows_size;
    T* sum = sums + part * s.weights();
    std::fill_n(sum, s.weights(), T{0});
    for (std::int64_t i = part * s.n / parts; i < (part + 1) * s.n / parts; ++i)
      for (std::int64_t group = 0; group < s.groups; ++group) {
        patches(s, group, x + i * s.h * s.w * s.in, r);
        multiply_strided(Transpose::yes, Transpose::no, og, s.taps(), s.pixels(),
                         g + i * s.pixels() * s.out + group * og, s.out, r, s.taps(),
                         sum + group * og * s.taps(), s.taps(), true);
      }
  });
  for (std::int64_t part = 1; part < parts; ++part)
    for (std::int64_t k = 0; k < s.weights(); ++k) sums[k] += sums[part * s.weights() + k];
  unpack_weight(s, sums, dw, add);
}

}  // namespace metatape::ops
