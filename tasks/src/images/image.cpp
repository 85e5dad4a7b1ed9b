// image.cpp: squares, area averages, centring and quarter turns.
#include "metatape/tasks/images/image.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace metatape::tasks {
namespace {

std::size_t at(int value) { return static_cast<std::size_t>(value); }

/// The mean of the pixels on the image's border, channel by channel.
std::vector<std::uint8_t> border_mean(const Image& image) {
  std::vector<std::uint8_t> mean(at(image.channels));
  for (int c = 0; c < image.channels; ++c) {
    std::uint64_t sum = 0, count = 0;
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x)
        if (y == 0 || x == 0 || y == image.height - 1 || x == image.width - 1) {
          sum += image.bytes[at((y * image.width + x) * image.channels + c)];
          ++count;
        }
    mean[at(c)] = static_cast<std::uint8_t>((sum + count / 2) / std::max<std::uint64_t>(count, 1));
  }
  return mean;
}

}  // namespace

bool operator==(const Image& a, const Image& b) {
  return a.height == b.height && a.width == b.width && a.channels == b.channels &&
         a.bytes == b.bytes;
}

Image square(Image image) {
  if (image.height == image.width) return image;
  const int side = std::max(image.height, image.width);
  const int top = (side - image.height) / 2, left = (side - image.width) / 2;
  const std::vector<std::uint8_t> paper = border_mean(image);
  Image out{side, side, image.channels, {}};
  out.bytes.reserve(at(side) * at(side) * at(image.channels));
  for (int i = 0; i < side * side; ++i)
    out.bytes.insert(out.bytes.end(), paper.begin(), paper.end());
  const std::size_t row = at(image.width) * at(image.channels);
  for (int y = 0; y < image.height; ++y)
    std::copy_n(image.bytes.begin() + static_cast<std::ptrdiff_t>(at(y) * row), row,
                out.bytes.begin() + ((top + y) * side + left) * image.channels);
  return out;
}

AreaAverage::AreaAverage(int from, int to)
    : from_(from),
      to_(to),
      taps_(std::min(from / to + 2, from)),
      first_(at(to)),
      weights_(at(to) * at(taps_)) {
  // In units of 1/to of an input pixel every edge is a whole number, and sums of bytes weighted by
  // whole overlaps are exact in float: one rounding in all.
  const int unit = std::gcd(from, to);
  const double total = static_cast<double>(from / unit);
  scale_ = static_cast<float>(1 / (255 * total * total));
  for (int i = 0; i < to; ++i) {
    const int low = i * from, high = (i + 1) * from;
    const int first = std::min(low / to, from - taps_);
    first_[at(i)] = first;
    for (int t = 0; t < taps_; ++t) {
      const int pixel = (first + t) * to;
      const int overlap = std::min(high, pixel + to) - std::max(low, pixel);
      weights_[at(i) * at(taps_) + at(t)] = static_cast<float>(std::max(0, overlap) / unit);
    }
  }
}

void AreaAverage::operator()(std::span<const std::uint8_t> image, int channels,
                             std::span<float> out) const {
  const std::size_t row = at(from_) * at(channels), depth = at(channels);
  std::vector<float> line(row);
  for (int i = 0; i < to_; ++i) {
    std::fill(line.begin(), line.end(), 0.0f);
    const float* w = &weights_[at(i) * at(taps_)];
    for (int t = 0; t < taps_; ++t) {
      if (w[t] == 0.0f) continue;
      const std::uint8_t* in = image.data() + at(first_[at(i)] + t) * row;
      for (std::size_t x = 0; x < row; ++x) line[x] += w[t] * static_cast<float>(in[x]);
    }
    for (int j = 0; j < to_; ++j) {
      const float* v = &weights_[at(j) * at(taps_)];
      float* pixel = &out[(at(i) * at(to_) + at(j)) * depth];
      for (std::size_t c = 0; c < depth; ++c) {
        float sum = 0;
        for (int t = 0; t < taps_; ++t) sum += v[t] * line[at(first_[at(j)] + t) * depth + c];
        pixel[c] = sum * scale_;
      }
    }
  }
}

Centroid centroid(const Image& ink) {
  const std::size_t n = at(ink.width) * at(ink.channels);
  std::vector<std::uint32_t> columns(n);  // vectors add these; moments are taken of the sums
  double sum = 0, rows = 0, across = 0;
  for (int y = 0; y < ink.height; ++y) {
    const std::uint8_t* line = ink.bytes.data() + at(y) * n;
    std::uint32_t total = 0;
    for (std::size_t x = 0; x < n; ++x) {
      columns[x] += line[x];
      total += line[x];
    }
    sum += total;
    rows += static_cast<double>(total) * y;
  }
  if (sum == 0) return {(ink.height - 1) / 2.0, (ink.width - 1) / 2.0};
  for (std::size_t x = 0; x < n; ++x)
    across += static_cast<double>(columns[x]) * static_cast<double>(x / at(ink.channels));
  return {rows / sum, across / sum};
}

Image centred(const Image& ink) {
  const Centroid c = centroid(ink);
  return moved(ink, static_cast<int>(std::lround((ink.height - 1) / 2.0 - c.row)),
               static_cast<int>(std::lround((ink.width - 1) / 2.0 - c.column)));
}

Image moved(const Image& ink, int down, int right) {
  Image out{ink.height, ink.width, ink.channels, std::vector<std::uint8_t>(ink.bytes.size())};
  const int width = std::max(0, ink.width - std::abs(right));
  for (int y = std::max(0, down); y < std::min(ink.height, ink.height + down); ++y)
    std::copy_n(ink.bytes.begin() + ((y - down) * ink.width + std::max(0, -right)) * ink.channels,
                width * ink.channels,
                out.bytes.begin() + (y * ink.width + std::max(0, right)) * ink.channels);
  return out;
}

Image turned(const Image& image, int turns) {
  const int n = image.height, depth = image.channels;
  Image out = image;
  for (int t = 0; t < (turns % 4 + 4) % 4; ++t) {
    const Image from = out;
    for (int y = 0; y < n; ++y)
      for (int x = 0; x < n; ++x)
        std::copy_n(from.bytes.begin() + (x * n + (n - 1 - y)) * depth, depth,
                    out.bytes.begin() + (y * n + x) * depth);
  }
  return out;
}

}  // namespace metatape::tasks
