// pictures.hpp: small labelled images for tests: image i has label i mod classes, its brightness
// pattern depends on both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metatape/tasks/optimizees/labelled_images.hpp"
#include "scratch.hpp"

inline metatape::tasks::LabelledImages pictures(int count, int side, int channels, int classes) {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint16_t> labels;
  for (int i = 0; i < count; ++i) {
    labels.push_back(static_cast<std::uint16_t>(i % classes));
    for (int p = 0; p < side * side * channels; ++p)
      bytes.push_back(
          static_cast<std::uint8_t>((37 * p + 101 * (i % classes)) % 200 + (13 * i * p) % 56));
  }
  return {"pictures", side, side, channels, classes, bytes, labels};
}

/// MNIST's four files with `train` and `test` images of 28 x 28: image i is of brightness i mod
/// 251, its label i mod 10.
inline void write_mnist(const scratch::Folder& folder, const std::string& place, int train,
                        int test) {
  for (const auto& [name, count] : {std::pair{"train", train}, {"t10k", test}}) {
    scratch::Bytes bytes, labels;
    for (int i = 0; i < count; ++i) {
      bytes.insert(bytes.end(), 28 * 28, static_cast<std::uint8_t>(i % 251));
      labels.push_back(static_cast<std::uint8_t>(i % 10));
    }
    const auto n = static_cast<std::uint32_t>(count);
    folder.write(place + "/" + name + "-images-idx3-ubyte", scratch::idx({n, 28, 28}, bytes));
    folder.write(place + "/" + name + "-labels-idx1-ubyte", scratch::idx({n}, labels));
  }
}

/// One binary batch of CIFAR-10 with `count` images: image i has label i mod 10; its red is i, its
/// green the row, its blue the column.
inline void write_cifar10(const scratch::Folder& folder, const std::string& file, int count) {
  scratch::Bytes bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i % 10));
    for (int plane = 0; plane < 3; ++plane)
      for (int row = 0; row < 32; ++row)
        for (int column = 0; column < 32; ++column)
          bytes.push_back(static_cast<std::uint8_t>(plane == 0 ? i : plane == 1 ? row : column));
  }
  folder.write(file, bytes);
}
