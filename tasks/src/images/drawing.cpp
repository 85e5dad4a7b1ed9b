#include "metatape/tasks/images/drawing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace metatape::tasks {
namespace {

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

const std::uint8_t* pixel(const Image& image, int y, int x) {
  return &image.bytes[at((std::int64_t{y} * image.width + x) * image.channels)];
}

int grey(const Image& image, int y, int x) {
  const std::uint8_t* p = pixel(image, y, x);
  return image.channels == 3 ? luminance(p) : *p;
}

/// How far any pixel is from the paper; 0 where that is no more than a scanner's noise.
int contrast(const Image& image, int paper) {
  constexpr int noise = 32;
  int most = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      most = std::max(most, std::abs(grey(image, y, x) - paper));
  return most < noise ? 0 : most;
}

/// Where the pen was: pixels that differ from the paper by more than half of what any does.
std::vector<std::uint8_t> pen(const Image& image, int paper) {
  std::vector<std::uint8_t> mask(at(std::int64_t{image.height} * image.width));
  const int most = contrast(image, paper);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      mask[at(std::int64_t{y} * image.width + x)] =
          most > 0 && 2 * std::abs(grey(image, y, x) - paper) > most;
  return mask;
}

}  // namespace

std::uint8_t luminance(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2] + 500u) / 1000u);
}

Border border_of(const Image& image) {
  std::array<std::int64_t, 256> count{};
  Border b;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (y == 0 || x == 0 || y == image.height - 1 || x == image.width - 1) {
        const int v = grey(image, y, x);
        b.sum += v;
        ++b.pixels;
        ++count[at(v)];
      }
  for (std::int64_t below = count[0]; 2 * below < b.pixels; below += count[at(b.paper)]) ++b.paper;
  std::int64_t alike = 0;
  for (int v = std::max(0, b.paper - 32); v <= std::min(255, b.paper + 32); ++v)
    alike += count[at(v)];
  b.plain = 4 * alike >= 3 * b.pixels && (b.paper < 64 || b.paper > 191);
  return b;
}

Image with_clean_paper(Image image) {
  const Border border = border_of(image);
  if (!border.plain || border.paper == 0 || border.paper == 255) return image;
  const int most = contrast(image, border.paper);
  if (most == 0) return image;
  const int clean = border.light() ? 255 : 0, pen_side = border.light() ? -1 : 1;
  const double nothing = most / 10.0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const int away = pen_side * (grey(image, y, x) - border.paper);
      const double inked = std::clamp((away - nothing) / (most - nothing), 0.0, 1.0);
      for (int c = 0; c < image.channels; ++c) {
        std::uint8_t& v = image.bytes[at((std::int64_t{y} * image.width + x) * image.channels + c)];
        const double pen_value = image.channels == 1 ? 255 - clean : v;
        v = static_cast<std::uint8_t>(std::lround(clean + inked * (pen_value - clean)));
      }
    }
  return image;
}

Image fitted(const Image& image, double share) {
  const Border border = border_of(image);
  if (!border.plain) return image;
  const std::vector<std::uint8_t> mask = pen(image, border.paper);
  int top = image.height, bottom = -1, left = image.width, right = -1;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (mask[at(std::int64_t{y} * image.width + x)]) {
        top = std::min(top, y);
        bottom = std::max(bottom, y);
        left = std::min(left, x);
        right = std::max(right, x);
      }
  if (bottom < 0) return image;
  const int height = bottom - top + 1, width = right - left + 1;
  const int side =
      std::max({static_cast<int>(std::lround(std::max(height, width) / share)), height, width});
  // The paper is that of the border's pixel nearest to the median, in colour.
  const std::uint8_t* paper = pixel(image, 0, 0);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if ((y == 0 || x == 0 || y == image.height - 1 || x == image.width - 1) &&
          grey(image, y, x) == border.paper)
        paper = pixel(image, y, x);
  Image out{side, side, image.channels, {}};
  out.bytes.reserve(at(std::int64_t{side} * side * image.channels));
  for (int i = 0; i < side * side; ++i)
    out.bytes.insert(out.bytes.end(), paper, paper + image.channels);
  for (int y = 0; y < height; ++y)
    std::copy_n(pixel(image, top + y, left), at(width * image.channels),
                &out.bytes[at(((std::int64_t{side} - height) / 2 + y) * side * image.channels +
                              std::int64_t{(side - width) / 2} * image.channels)]);
  return out;
}

Image with_visible_strokes(Image image, int side) {
  constexpr double visible = 2;  // pixels; Omniglot's strokes are 2 to 3 of 105
  const int longest = std::max(image.height, image.width);
  if (longest <= side) return image;
  const Border border = border_of(image);
  if (!border.plain) return image;
  const std::vector<std::uint8_t> mask = pen(image, border.paper);
  const auto inked = [&](int y, int x) {
    return y >= 0 && x >= 0 && y < image.height && x < image.width &&
           mask[at(std::int64_t{y} * image.width + x)];
  };
  std::int64_t area = 0, perimeter = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (inked(y, x)) {
        ++area;
        perimeter += !inked(y - 1, x) + !inked(y + 1, x) + !inked(y, x - 1) + !inked(y, x + 1);
      }
  if (area == 0) return image;
  const double scale = static_cast<double>(longest) / side;
  const double width = 2 * static_cast<double>(area) / static_cast<double>(perimeter);
  const int reach = static_cast<int>(std::lround((visible * scale - width) / 2));
  if (reach < 1) return image;
  // Each pixel takes what differs most from the paper within `reach`, rows first, then columns.
  const auto spread = [&](Image& to, int dy, int dx) {
    const Image from = to;
    for (int y = 0; y < from.height; ++y)
      for (int x = 0; x < from.width; ++x) {
        int best_y = y, best_x = x, best = std::abs(grey(from, y, x) - border.paper);
        for (int r = -reach; r <= reach; ++r) {
          const int ny = y + r * dy, nx = x + r * dx;
          if (ny < 0 || nx < 0 || ny >= from.height || nx >= from.width) continue;
          const int d = std::abs(grey(from, ny, nx) - border.paper);
          if (d <= best) continue;
          best = d;
          best_y = ny;
          best_x = nx;
        }
        std::copy_n(pixel(from, best_y, best_x), from.channels,
                    &to.bytes[at((std::int64_t{y} * to.width + x) * to.channels)]);
      }
  };
  spread(image, 0, 1);
  spread(image, 1, 0);
  return image;
}

}  // namespace metatape::tasks
