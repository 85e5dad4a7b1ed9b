// tiles.hpp: the two register tiles that matrix products and square convolutions are made of.
//
// (b) rows x packed weights: 6 rows by 4 vectors of columns (AVX-512; 2 with AVX2) are held in
//     registers while k runs. Weights are packed once into panels as wide as the tile, so that the
//     inner loop reads them in order. A row of a convolution's patch matrix is `side` runs of
//     a zero-bordered image, so the patches are never laid out.
// (c) outer product: the same tile over a weight gradient, while pixels run.
//
// float32, for AVX2 and AVX-512; where simd() is plain, callers use their own loops, the twins.
// The sum over k has the same order for every row, so a row's bits do not depend on how many rows
// are multiplied at once.
#pragma once

#include <cstdint>

namespace metatape::kernel {

/// Floats that `pack` writes for a factor of k rows and n columns.
std::int64_t packed_size(std::int64_t k, std::int64_t n);

/// True where a contiguous [k, n] is packed as it stands: n columns are one whole panel.
bool is_packed(std::int64_t n);

/// Packs the right factor of a product: b is [k, n] with rows ldb apart, or [n, k] when turned.
void pack(bool turned, std::int64_t k, std::int64_t n, const float* b, std::int64_t ldb,
          float* packed);

/// y (add ? += : =) op(a) b for b packed: a is [m, k] with rows lda apart, or [k, m] when turned.
void multiply_packed(bool turned, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
                     std::int64_t lda, const float* packed, float* y, std::int64_t ldy, bool add);

/// A convolution by a square kernel of odd side, with a border of side / 2 zeros: x [h, w, in] -> y
/// [oh, ow, out], one image.
struct SquareConv {
  std::int64_t h, w, in, oh, ow, out, stride, side;
  [[nodiscard]] std::int64_t border() const { return side / 2; }
  [[nodiscard]] std::int64_t padded_size() const {
    return (h + 2 * border()) * (w + 2 * border()) * in;
  }
  [[nodiscard]] std::int64_t area() const { return side * side; }
  [[nodiscard]] std::int64_t taps() const { return area() * in; }
};

/// weight [out, in, side, side] for square_conv.
void pack_square_conv(const SquareConv& s, const float* weight, float* packed);
/// The same weight for the gradient of the input at stride 1, which is a convolution of the
/// cotangent by the kernel turned half round: s is that convolution (s.in filters become channels).
void pack_square_conv_turned(const SquareConv& s, const float* weight, float* packed);

/// The image with its border of zeros.
void pad_image(const SquareConv& s, const float* x, float* padded);

/// y (add ? += : =) the convolution of one padded image.
void square_conv(const SquareConv& s, const float* padded, const float* packed, float* y, bool add);

/// True where the weight gradient has a fast tile: filters are whole vectors.
bool has_square_conv_weight_gradient(const SquareConv& s);
/// sums [side, side, in, out] += the weight gradient of one padded image at the cotangent g [oh,
/// ow, out].
void square_conv_weight_gradient(const SquareConv& s, const float* padded, const float* g,
                                 float* sums);

}  // namespace metatape::kernel
