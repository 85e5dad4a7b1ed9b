// image.hpp: one picture in memory, and the few exact things done to it before a network sees it.
// PNG comes in through libpng behind checks of our own; sizes change by exact area averages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace metatape::tasks {

/// Bytes row by row, the channels of a pixel together: bytes[(row * width + column) * channels].
struct Image {
  int height = 0;
  int width = 0;
  int channels = 1;  ///< 1 grey, 3 red green blue
  std::vector<std::uint8_t> bytes;
};

bool operator==(const Image& a, const Image& b);

/// No side of an image that is read may be longer; checked before anything is decoded.
inline constexpr int max_image_side = 1024;

/// A PNG of any kind (1 to 16 bits, grey, palette, colour, alpha, interlaced) as brightness 0..255.
/// Transparent pixels lie on white paper; a picture whose pixels are all grey has one channel.
/// Throws DataError "NAME: why" for what is no PNG, is too large, cut short or damaged.
Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name);

/// The same from a file.
Image read_png(const std::filesystem::path& path);

/// A grey or colour image as the bytes of a PNG file.
std::vector<std::uint8_t> encode_png(const Image& image);

/// The image in the middle of the smallest square that holds it; the rest is filled with the mean
/// of the image's border, which is its paper.
Image square(Image image);

/// Exact area averages: square images of `from` pixels a side become `to` a side. Output pixel i
/// covers [i from/to, (i+1) from/to) along each axis, border pixels weighted by their overlap, so
/// the mean is kept (105 to 28: 3.75 pixels a side).
class AreaAverage {
 public:
  AreaAverage(int from, int to);

  [[nodiscard]] int from() const { return from_; }
  [[nodiscard]] int to() const { return to_; }

  /// out[to][to][channels] = averages / 255.
  void operator()(std::span<const std::uint8_t> image, int channels, std::span<float> out) const;

 private:
  int from_, to_, taps_;
  std::vector<int> first_;      // [to] the first input pixel under output pixel i
  std::vector<float> weights_;  // [to][taps] overlaps, in whole units
  float scale_ = 1;             // 1 / (255 · units of an output pixel's area)
};

/// Where the ink of a square image lies.
struct Centroid {
  double row = 0, column = 0;  ///< in pixels; the middle of an image without ink
};
Centroid centroid(const Image& ink);

/// The image moved by whole pixels; what leaves the frame is lost, what enters it is 0.
Image moved(const Image& ink, int down, int right);

/// Moved so that its centroid comes nearest to the middle.
Image centred(const Image& ink);

/// Turned counter-clockwise by `turns` quarter turns (a square image).
Image turned(const Image& image, int turns);

}  // namespace metatape::tasks
