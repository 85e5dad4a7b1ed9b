// convolution.hpp: convolution and pooling of images [n, height, width, channels].
// Weights keep PyTorch's shape, [out, in / groups, kernel height, kernel width]. As everywhere in
// deep learning the kernel is not flipped (a cross-correlation). Differentiable twice.
#pragma once

#include <array>

#include "metatape/autodiff/var.hpp"

namespace metatape {

struct Conv2dOptions {
  std::array<int, 2> stride{1, 1};    ///< rows, columns
  std::array<int, 2> padding{0, 0};   ///< zeros on each side
  std::array<int, 2> dilation{1, 1};  ///< distance of the kernel's taps
  int groups = 1;                     ///< channels in that many independent groups
};

/// x [n, h, w, in], weight [out, in / groups, kh, kw], bias [out] or an invalid Var
/// -> [n, (h + 2 p - d (kh - 1) - 1) / s + 1, ..., out]. ShapeError names what does not fit.
Var conv2d(Var x, Var weight, Var bias, const Conv2dOptions& options = {});
Var conv2d(Var x, Var weight, const Conv2dOptions& options = {});

struct Pool2dOptions {
  std::array<int, 2> kernel{2, 2};
  std::array<int, 2> stride{2, 2};
  std::array<int, 2> padding{0, 0};  ///< at most half the kernel; never the largest, never counted
};

/// Largest of each window; the first of equals gets the gradient; NaN wins. Windows that would
/// reach past the border are left out (floor).
Var max_pool2d(Var x, const Pool2dOptions& options = {});
/// Mean of each window's elements inside the image.
Var average_pool2d(Var x, const Pool2dOptions& options = {});
Var global_max_pool2d(Var x);      ///< [n, h, w, c] -> [n, c]
Var global_average_pool2d(Var x);  ///< [n, h, w, c] -> [n, c]

}  // namespace metatape
