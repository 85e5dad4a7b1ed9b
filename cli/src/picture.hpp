// picture.hpp: pictures made of pictures: rows of small images with labels, as a PNG.
// For contact sheets and episodes. Needs no display and no font: the letters are in letters.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "metatape/tasks/images/image.hpp"

namespace metatape::cli {

enum class Frame : std::uint8_t { none, right, wrong };  ///< green, red

struct Tile {
  tasks::Image image;   ///< brightness as shown, 1 or 3 channels
  std::string label{};  ///< below it; ASCII, other characters become '?'
  Frame frame = Frame::none;
};

struct TileRow {
  std::string label{};  ///< to the left
  std::vector<Tile> tiles{};
};

struct Sheet {
  std::string title{};
  std::vector<TileRow> rows{};
  int tile = 0;  ///< pixels a side that each image is enlarged to or averaged down to; 0: 56
};

/// The sheet on white paper.
tasks::Image draw(const Sheet& sheet);
/// draw() as a PNG file, written whole or not at all.
void write_picture(const Sheet& sheet, const std::filesystem::path& path);

/// Floats in [0, 1], 1 = ink ([size, size, channels], as episodes hold them), as brightness: ink is
/// black on white paper. `light_ink`: bright on black (photographs, MNIST).
tasks::Image shown(std::span<const float> ink, int size, int channels, bool light_ink = false);
/// The same of an ImageSet's image, ink = 255.
tasks::Image shown(tasks::Image ink, bool light_ink = false);

}  // namespace metatape::cli
