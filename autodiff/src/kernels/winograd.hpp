// winograd.hpp: 3x3 convolutions of stride 1 with fewer multiplications.
//
// F(2x2, 3x3) of Winograd (1980), as in Lavin and Gray (2016): a tile of 2 x 2 pixels of y and its
// 4 x 4 pixels of x are carried to 16 points at which a convolution is one multiplication for each
// channel and filter, 16 where the sum over taps takes 36. At each point that is a matrix product
// over tiles, which the register tile of tiles.hpp does:
//
//   Y = A' [(G w G') . (B' x B)] A          dw = G' [Σ over tiles (B' x B) . (A g A')] G
//
// B and A hold 0 and 1 of either sign, G halves: float32 loses no more than a bit to it. Images
// have a border of one zero; tiles that reach over the edge read zeros there and write nothing.
//
// float32, for AVX2 and AVX-512. The twin is the sum over taps itself. The tiles of a run of images
// go through the points together, so callers hand over whole runs, of `winograd_images` each but
// the last.
#pragma once

#include <cstdint>

#include "tiles.hpp"

namespace metatape::kernel {

/// True where this is faster than square_conv: enough channels and filters to pay for the
/// transforms. Depends on the problem and the instruction set alone.
bool has_winograd(const SquareConv& s);

/// How many images a run has.
std::int64_t winograd_images(const SquareConv& s);

/// Floats for the packed weights, and for what packing needs besides.
std::int64_t winograd_packed_size(const SquareConv& s);
std::int64_t winograd_packing_room(const SquareConv& s);
/// weight [out, in, 3, 3]; turned: [in, out, 3, 3] for the gradient of the input (see
/// pack_square_conv_turned).
void winograd_pack(const SquareConv& s, bool turned, const float* weight, float* packed,
                   float* room);

/// Floats that a run needs besides.
std::int64_t winograd_room(const SquareConv& s);
/// y (add ? += : =) the convolution of a run of images.
void winograd(const SquareConv& s, std::int64_t images, const float* x, const float* packed,
              float* y, bool add, float* room);

/// sums [16, in, out] += the weight gradient of a run at the 16 points.
void winograd_weight_gradient(const SquareConv& s, std::int64_t images, const float* x,
                              const float* g, float* sums, float* room);
/// taps [3, 3, in, out] = G' sums G
void winograd_taps(const SquareConv& s, const float* sums, float* taps);

}  // namespace metatape::kernel
