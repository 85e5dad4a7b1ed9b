#include "picture.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "letters.hpp"
#include "metatape/nn/atomic_file.hpp"

namespace metatape::cli {

namespace {

constexpr int gap = 4, margin = 8;
struct Ink {
  std::uint8_t r = 0, g = 0, b = 0;
};
constexpr Ink black{}, green{0, 158, 115}, red{213, 0, 50};

/// A canvas of red, green, blue.
class Canvas {
 public:
  Canvas(int height, int width)
      : image_{height, width, 3,
               std::vector<std::uint8_t>(
                   static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3, 255)} {}

  void dot(int row, int column, Ink ink) {
    if (row < 0 || column < 0 || row >= image_.height || column >= image_.width) return;
    std::uint8_t* p =
        &image_.bytes[(static_cast<std::size_t>(row) * static_cast<std::size_t>(image_.width) +
                       static_cast<std::size_t>(column)) *
                      3];
    p[0] = ink.r, p[1] = ink.g, p[2] = ink.b;
  }

  void text(int row, int column, std::string_view letters) {
    for (const char c : letters) {
      for (int y = 0; y < 7; ++y)
        for (int x = 0; x < 5; ++x)
          if (letter_ink(c, y, x)) dot(row + y, column + x, black);
      column += letter_width;
    }
  }

  /// Two pixels thick, around the square whose corner is (row, column).
  void frame(int row, int column, int side, Ink ink) {
    for (int i = -2; i < side + 2; ++i)
      for (int t = 1; t <= 2; ++t) {
        dot(row - t, column + i, ink);
        dot(row + side - 1 + t, column + i, ink);
        dot(row + i, column - t, ink);
        dot(row + i, column + side - 1 + t, ink);
      }
  }

  void picture(int row, int column, const tasks::Image& image, int side) {
    const tasks::Image full = tasks::square(image);
    if (full.height == 0) return;
    const auto channels = static_cast<std::size_t>(full.channels);
    std::vector<float> out(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) *
                           channels);
    tasks::AreaAverage(full.height, side)(full.bytes, full.channels, out);
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint8_t>(std::lround(255 * std::clamp(out[i], 0.0f, 1.0f)));
    };
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        const std::size_t p = (static_cast<std::size_t>(y) * static_cast<std::size_t>(side) +
                               static_cast<std::size_t>(x)) *
                              channels;
        dot(row + y, column + x,
            channels == 3 ? Ink{byte(p), byte(p + 1), byte(p + 2)}
                          : Ink{byte(p), byte(p), byte(p)});
      }
  }

  tasks::Image take() { return std::move(image_); }

 private:
  tasks::Image image_;
};

int text_width(const std::string& text) { return static_cast<int>(text.size()) * letter_width; }

}  // namespace

tasks::Image draw(const Sheet& sheet) {
  const int side = sheet.tile > 0 ? sheet.tile : 56;
  int left = 0, pitch = side + gap, most = 1;
  for (const TileRow& row : sheet.rows) {
    left = std::max(left, text_width(ascii(row.label)));
    most = std::max(most, static_cast<int>(row.tiles.size()));
    for (const Tile& tile : row.tiles) pitch = std::max(pitch, text_width(ascii(tile.label)) + gap);
  }
  if (left > 0) left += gap;
  const std::string title = ascii(sheet.title);
  const int head = title.empty() ? 0 : letter_height + 2 * gap;
  const auto row_height = [&](const TileRow& row) {
    const bool labels =
        std::ranges::any_of(row.tiles, [](const Tile& t) { return !t.label.empty(); });
    return side + gap + (labels ? letter_height + gap : 0);
  };
  int height = 2 * margin + head;
  for (const TileRow& row : sheet.rows) height += row_height(row);
  const int width = 2 * margin + std::max(left + most * pitch, text_width(title));
  Canvas canvas(height, width);
  canvas.text(margin, margin, title);
  int y = margin + head;
  for (const TileRow& row : sheet.rows) {
    canvas.text(y + side / 2 - letter_height / 2, margin, ascii(row.label));
    int x = margin + left;
    for (const Tile& tile : row.tiles) {
      canvas.picture(y, x, tile.image, side);
      if (tile.frame != Frame::none)
        canvas.frame(y, x, side, tile.frame == Frame::right ? green : red);
      canvas.text(y + side + gap / 2 + 1, x, ascii(tile.label));
      x += pitch;
    }
    y += row_height(row);
  }
  return canvas.take();
}

void write_picture(const Sheet& sheet, const std::filesystem::path& path) {
  const auto png = tasks::encode_png(draw(sheet));
  nn::write_atomically(path, {reinterpret_cast<const char*>(png.data()), png.size()});
}

tasks::Image shown(std::span<const float> ink, int size, int channels, bool light_ink) {
  tasks::Image image{size, size, channels, {}};
  image.bytes.reserve(ink.size());
  for (const float value : ink) {
    const float v = std::clamp(light_ink ? value : 1 - value, 0.0f, 1.0f);
    image.bytes.push_back(static_cast<std::uint8_t>(std::lround(255 * v)));
  }
  return image;
}

tasks::Image shown(tasks::Image ink, bool light_ink) {
  if (!light_ink)
    for (std::uint8_t& b : ink.bytes) b = static_cast<std::uint8_t>(255 - b);
  return ink;
}

}  // namespace metatape::cli
