// tiles.cpp: the register tiles, compiled once for each instruction set.
#include "tiles.hpp"

#include <algorithm>
#include <cstring>

#include "simd.hpp"
#include "targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/tiles.cpp"
#include <hwy/foreach_target.h>

#include "kernels/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// k of one panel: with its tile of columns it stays in L2.
constexpr std::int64_t deepest = 512;

std::int64_t PackedSize(std::int64_t k, std::int64_t n) {
  return k * ((n + lanes() - 1) / lanes()) * lanes();
}

bool IsPacked(std::int64_t n) {
  return n > 0 && n % lanes() == 0 && n <= vectors_of_tile * lanes();
}

void Pack(bool turned, std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb,
          float* packed) {
  for (std::int64_t k0 = 0; k0 < k; k0 += deepest) {
    const std::int64_t depth = std::min(deepest, k - k0);
    for (std::int64_t j = 0; j < n;) {
      const std::int64_t width = panel_vectors(n, j) * lanes(), used = std::min(width, n - j);
      if (turned) {
        for (std::int64_t c = 0; c < width; ++c)
          for (std::int64_t l = 0; l < depth; ++l)
            packed[l * width + c] = c < used ? b[(j + c) * ldb + k0 + l] : 0.0f;
      } else {
        for (std::int64_t l = 0; l < depth; ++l) {
          std::memcpy(packed + l * width, b + (k0 + l) * ldb + j,
                      static_cast<std::size_t>(used) * sizeof(float));
          for (std::int64_t c = used; c < width; ++c) packed[l * width + c] = 0.0f;
        }
      }
      packed += depth * width;
      j += used;
    }
  }
}

void MultiplyPacked(bool turned, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
                    std::int64_t lda, const float* packed, float* y, std::int64_t ldy, bool add) {
  if (k == 0 && !add)
    for (std::int64_t i = 0; i < m; ++i) std::fill_n(y + i * ldy, n, 0.0f);
  for (std::int64_t k0 = 0; k0 < k; k0 += deepest) {
    const std::int64_t depth = std::min(deepest, k - k0);
    for (std::int64_t j = 0; j < n;) {
      const int vectors = panel_vectors(n, j);
      const std::int64_t width = vectors * lanes(), used = std::min(width, n - j);
      for (std::int64_t i = 0; i < m; i += rows_of_tile) {
        const int rows = static_cast<int>(std::min<std::int64_t>(rows_of_tile, m - i));
        Rows from{{}, 1, depth, 0, turned ? lda : 1};
        float* to[rows_of_tile] = {};
        for (int r = 0; r < rows; ++r) {
          from.at[r] = turned ? a + k0 * lda + i + r : a + (i + r) * lda + k0;
          to[r] = y + (i + r) * ldy + j;
        }
        tile_any(vectors, rows, from, packed, to, used, add || k0 > 0);
      }
      packed += depth * width;
      j += used;
    }
  }
}

// A convolution's panels hold the whole depth: a run for each row of the kernel.
template <class Weight>
HWY_INLINE void pack_taps(const SquareConv& s, const Weight& weight, float* packed) {
  for (std::int64_t j = 0; j < s.out;) {
    const std::int64_t width = panel_vectors(s.out, j) * lanes();
    const std::int64_t used = std::min(width, s.out - j);
    for (std::int64_t tap = 0; tap < s.area(); ++tap)
      for (std::int64_t c = 0; c < s.in; ++c)
        for (std::int64_t o = 0; o < width; ++o)
          packed[(tap * s.in + c) * width + o] = o < used ? weight(j + o, c, tap) : 0.0f;
    packed += s.taps() * width;
    j += used;
  }
}

void PackSquareConv(const SquareConv& s, const float* weight, float* packed) {
  pack_taps(
      s,
      [&](std::int64_t o, std::int64_t c, std::int64_t tap) {
        return weight[(o * s.in + c) * s.area() + tap];
      },
      packed);
}

void PackSquareConvTurned(const SquareConv& s, const float* weight, float* packed) {
  pack_taps(
      s,
      [&](std::int64_t o, std::int64_t c, std::int64_t tap) {
        return weight[(c * s.out + o) * s.area() + s.area() - 1 - tap];
      },
      packed);
}

void ConvolveSquare(const SquareConv& s, const float* padded, const float* packed, float* y,
                    bool add) {
  const std::int64_t pixels = s.oh * s.ow, line = (s.w + 2 * s.border()) * s.in;
  for (std::int64_t j = 0; j < s.out;) {
    const int vectors = panel_vectors(s.out, j);
    const std::int64_t width = vectors * lanes(), used = std::min(width, s.out - j);
    std::int64_t oy = 0, ox = 0;
    for (std::int64_t p = 0; p < pixels; p += rows_of_tile) {
      const int rows = static_cast<int>(std::min<std::int64_t>(rows_of_tile, pixels - p));
      Rows from{{}, s.side, s.side * s.in, line, 1};
      float* to[rows_of_tile] = {};
      for (int r = 0; r < rows; ++r) {
        from.at[r] = padded + oy * s.stride * line + ox * s.stride * s.in;
        to[r] = y + (p + r) * s.out + j;
        if (++ox == s.ow) ox = 0, ++oy;
      }
      tile_any(vectors, rows, from, packed, to, used, add);
    }
    packed += s.taps() * width;
    j += used;
  }
}

// sums[k, j..] += Σ over pixels of a[pixel + k] g[pixel, j..] for MR values of k.
template <int MR, int NV>
HWY_INLINE void outer_tile(const SquareConv& s, const float* HWY_RESTRICT a,
                           const float* HWY_RESTRICT g, float* HWY_RESTRICT sums) {
  const D d;
  const std::int64_t lane = lanes(), step = s.in * s.stride, line = (s.w + 2 * s.border()) * step;
  V sum[MR][NV];
  for (int r = 0; r < MR; ++r)
    for (int v = 0; v < NV; ++v) sum[r][v] = hn::LoadU(d, sums + r * s.out + v * lane);
  for (std::int64_t oy = 0; oy < s.oh; ++oy) {
    const float* x = a + oy * line;
    for (std::int64_t ox = 0; ox < s.ow; ++ox, x += step, g += s.out) {
      V w[NV];
      for (int v = 0; v < NV; ++v) w[v] = hn::LoadU(d, g + v * lane);
      for (int r = 0; r < MR; ++r) {
        const V e = hn::Set(d, x[r]);
        for (int v = 0; v < NV; ++v) sum[r][v] = hn::MulAdd(e, w[v], sum[r][v]);
      }
    }
  }
  for (int r = 0; r < MR; ++r)
    for (int v = 0; v < NV; ++v) hn::StoreU(sum[r][v], d, sums + r * s.out + v * lane);
}

template <int NV>
HWY_INLINE void outer_rows(int rows, const SquareConv& s, const float* a, const float* g,
                           float* sums) {
  switch (rows) {
    case 6:
      return outer_tile<6, NV>(s, a, g, sums);
    case 5:
      return outer_tile<5, NV>(s, a, g, sums);
    case 4:
      return outer_tile<4, NV>(s, a, g, sums);
    case 3:
      return outer_tile<3, NV>(s, a, g, sums);
    case 2:
      return outer_tile<2, NV>(s, a, g, sums);
    default:
      return outer_tile<1, NV>(s, a, g, sums);
  }
}

std::int64_t VectorWidth() { return lanes(); }

void SquareConvWeightGradient(const SquareConv& s, const float* padded, const float* g,
                              float* sums) {
  const std::int64_t line = (s.w + 2 * s.border()) * s.in, run = s.side * s.in;
  for (std::int64_t ky = 0; ky < s.side; ++ky)
    for (std::int64_t k = 0; k < run; k += rows_of_tile) {
      const int rows = static_cast<int>(std::min<std::int64_t>(rows_of_tile, run - k));
      const float* a = padded + ky * line + k;
      float* to = sums + (ky * run + k) * s.out;
      for (std::int64_t j = 0; j < s.out;) {
        const int vectors = panel_vectors(s.out, j);
        if (vectors == 1)
          outer_rows<1>(rows, s, a, g + j, to + j);
        else if (vectors == 2 || vectors_of_tile == 2)
          outer_rows<2>(rows, s, a, g + j, to + j);
        else if (vectors == 3)
          outer_rows<std::min(3, vectors_of_tile)>(rows, s, a, g + j, to + j);
        else
          outer_rows<vectors_of_tile>(rows, s, a, g + j, to + j);
        j += vectors * lanes();
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace metatape::kernel {

HWY_EXPORT(PackedSize);
HWY_EXPORT(IsPacked);
HWY_EXPORT(Pack);
HWY_EXPORT(MultiplyPacked);
HWY_EXPORT(PackSquareConv);
HWY_EXPORT(PackSquareConvTurned);
HWY_EXPORT(ConvolveSquare);
HWY_EXPORT(VectorWidth);
HWY_EXPORT(SquareConvWeightGradient);

std::int64_t packed_size(std::int64_t k, std::int64_t n) {
  static_cast<void>(simd());  // the instruction set is chosen before the first dispatch
  return HWY_DYNAMIC_DISPATCH(PackedSize)(k, n);
}

bool is_packed(std::int64_t n) { return HWY_DYNAMIC_DISPATCH(IsPacked)(n); }

void pack(bool turned, std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb,
          float* packed) {
  HWY_DYNAMIC_DISPATCH(Pack)(turned, k, n, b, ldb, packed);
}

void multiply_packed(bool turned, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
                     std::int64_t lda, const float* packed, float* y, std::int64_t ldy, bool add) {
  HWY_DYNAMIC_DISPATCH(MultiplyPacked)(turned, m, n, k, a, lda, packed, y, ldy, add);
}

void pack_square_conv(const SquareConv& s, const float* weight, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackSquareConv)(s, weight, packed);
}

void pack_square_conv_turned(const SquareConv& s, const float* weight, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackSquareConvTurned)(s, weight, packed);
}

void pad_image(const SquareConv& s, const float* x, float* padded) {
  const std::int64_t row = s.w * s.in, side = s.border() * s.in, line = row + 2 * side;
  const std::int64_t lines = s.border() * line;
  std::fill_n(padded, lines + side, 0.0f);
  float* to = padded + lines + side;
  for (std::int64_t y = 0; y < s.h; ++y, x += row, to += line) {
    std::memcpy(to, x, static_cast<std::size_t>(row) * sizeof(float));
    // the right border of this line and the left one of the next
    if (y + 1 < s.h) std::fill_n(to + row, 2 * side, 0.0f);
  }
  std::fill_n(to - 2 * side, side + lines, 0.0f);
}

void square_conv(const SquareConv& s, const float* padded, const float* packed, float* y,
                 bool add) {
  HWY_DYNAMIC_DISPATCH(ConvolveSquare)(s, padded, packed, y, add);
}

bool has_square_conv_weight_gradient(const SquareConv& s) {
  return simd() != Simd::plain && s.out % HWY_DYNAMIC_DISPATCH(VectorWidth)() == 0;
}

void square_conv_weight_gradient(const SquareConv& s, const float* padded, const float* g,
                                 float* sums) {
  HWY_DYNAMIC_DISPATCH(SquareConvWeightGradient)(s, padded, g, sums);
}

}  // namespace metatape::kernel
#endif  // HWY_ONCE
