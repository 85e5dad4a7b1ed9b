// drawing.hpp: drawings of people's own: on any paper, with any pen, of any size and place.
// A drawing is told by its border: most of its pixels are the paper, and that is clearly light or
// clearly dark. Other pictures (photographs) are left as they are by all that stands here.
#pragma once

#include <cstdint>

#include "metatape/tasks/images/image.hpp"

namespace metatape::tasks {

/// 0.299 red + 0.587 green + 0.114 blue, rounded.
std::uint8_t luminance(const std::uint8_t* rgb);

/// The pixels along an image's edge, in grey.
struct Border {
  std::int64_t pixels = 0, sum = 0;
  int paper = 0;       ///< their median
  bool plain = false;  ///< three quarters lie within 32 of it, and it is below 64 or above 191

  [[nodiscard]] bool light() const { return paper > 127; }
};
Border border_of(const Image& image);

/// A drawing on paper that is not quite white (or black), as scans and photographs of paper are, on
/// paper that is: what differs from it by less than a tenth of what any pixel does becomes paper,
/// more fades to it; a grey pen becomes as dark (light) as can be, a coloured one keeps its colour.
/// Otherwise the paper would count as ink: a little of it, but everywhere. On 0 or 255 nothing
/// changes.
Image with_clean_paper(Image image);

/// What differs from the paper, cut out and laid in the middle of a square of paper so that its
/// longer side takes up `share` of it (Omniglot's drawings: 0.6 of their frame). An image without
/// a plain border, or with nothing on it, comes back as it is.
Image fitted(const Image& image, double share = 0.6);

/// A drawing of more than `side` pixels whose strokes would be less than 2 pixels wide at that
/// side, with strokes so wide: a thin pen would fade to nothing when the image is averaged down.
/// Stroke width is taken as 2 area / perimeter of what differs from the paper.
Image with_visible_strokes(Image image, int side);

}  // namespace metatape::tasks
