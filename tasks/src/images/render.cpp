// render.cpp: plain and distorted renders.
// The source of a distorted one is an area average of 53 pixels a side for 28 (1.9 to one), kept
// as bytes with a border of paper, so sampling needs a clamp of the position and no other test.
#include "metatape/tasks/images/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"

namespace metatape::tasks {
namespace {

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

/// Quarter turns as a map from output to image: the render is the image turned counter-clockwise.
Affine turning(int turns) {
  constexpr float quarter[4][2][2] = {
      {{1, 0}, {0, 1}}, {{0, 1}, {-1, 0}}, {{-1, 0}, {0, -1}}, {{0, -1}, {1, 0}}};
  Affine map;
  std::memcpy(map.matrix, quarter[(turns % 4 + 4) % 4], sizeof map.matrix);
  return map;
}

void turn(std::span<float> image, int size, int channels, int turns) {
  if (turns % 4 == 0) return;
  const std::vector<float> from(image.begin(), image.end());
  const Affine map = turning(turns);
  const auto& m = map.matrix;
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      // twice the distance from the middle, so that everything is whole
      const int dy = 2 * y - size + 1, dx = 2 * x - size + 1;
      const int sy =
          (static_cast<int>(m[0][0]) * dy + static_cast<int>(m[0][1]) * dx + size - 1) / 2;
      const int sx =
          (static_cast<int>(m[1][0]) * dy + static_cast<int>(m[1][1]) * dx + size - 1) / 2;
      for (int c = 0; c < channels; ++c)
        image[at((y * size + x) * channels + c)] = from[at((sy * size + sx) * channels + c)];
    }
}

}  // namespace

Affine random_affine(Random& random, const Augmentation& ranges) {
  const auto even = [&](double range) { return random.uniform(-range, range); };
  const double angle = even(ranges.rotation) * std::numbers::pi / 180, shear = even(ranges.shear);
  const double tall = std::exp(even(ranges.log_scale)), wide = std::exp(even(ranges.log_scale));
  const double c = std::cos(angle), s = std::sin(angle);
  Affine map;  // rotation · shear · scale
  map.matrix[0][0] = static_cast<float>((c - s * shear) * tall);
  map.matrix[0][1] = static_cast<float>(-s * wide);
  map.matrix[1][0] = static_cast<float>((s + c * shear) * tall);
  map.matrix[1][1] = static_cast<float>(c * wide);
  for (float& v : map.shift) v = static_cast<float>(even(ranges.shift));
  return map;
}

Affine compose(const Affine& outer, const Affine& inner) {
  // inner.M (outer.M (q - outer.s) - inner.s) = M (q - s), M = inner.M outer.M,
  // s = outer.s + outer.M^-1 inner.s
  const auto& o = outer.matrix;
  const auto& i = inner.matrix;
  const float determinant = o[0][0] * o[1][1] - o[0][1] * o[1][0];
  Affine map;
  for (int r = 0; r < 2; ++r)
    for (int c = 0; c < 2; ++c) map.matrix[r][c] = i[r][0] * o[0][c] + i[r][1] * o[1][c];
  map.shift[0] =
      outer.shift[0] + (o[1][1] * inner.shift[0] - o[0][1] * inner.shift[1]) / determinant;
  map.shift[1] =
      outer.shift[1] + (o[0][0] * inner.shift[1] - o[1][0] * inner.shift[0]) / determinant;
  return map;
}

std::vector<Affine> fixed_views(int n, Key key, const Augmentation& ranges, double strength) {
  std::vector<Affine> views(at(std::max(n, 1)));
  const Augmentation smaller{ranges.rotation * strength, ranges.shear * strength,
                             ranges.log_scale * strength, ranges.shift * strength};
  for (std::size_t i = 1; i < views.size(); ++i) {
    Random random(key.split("view", i));
    views[i] = random_affine(random, smaller);
  }
  return views;
}

Renderer::Renderer(std::shared_ptr<const ImageSet> set, RenderOptions options)
    : set_(std::move(set)), options_(options) {
  if (options.size < 1 || options.size > max_image_side)
    throw DataError(fmt::format("render: size {}; 1 to {} expected", options.size, max_image_side));
  std::vector<int> sides;
  for (int i = 0; i < set_->images(); ++i)
    if (const int side = set_->side(i); std::find(sides.begin(), sides.end(), side) == sides.end())
      sides.push_back(side);
  const int largest = sides.empty() ? options.size : *std::max_element(sides.begin(), sides.end());
  source_side_ = std::max(1, std::min(largest, options.size * 53 / 28));
  for (const int side : sides) {
    to_size_.emplace_back(side, options.size);
    to_source_.emplace_back(side, source_side_);
  }
  slots_.assign(at(set_->images()), -1);
}

std::size_t Renderer::floats() const {
  return at(options_.size) * at(options_.size) * at(set_->channels());
}

const AreaAverage& Renderer::average(const std::vector<AreaAverage>& of, int side) const {
  return *std::find_if(of.begin(), of.end(), [&](const auto& a) { return a.from() == side; });
}

void Renderer::make_source(int image, std::span<std::uint8_t> bytes, float middle[2]) const {
  thread_local Image original;
  thread_local std::vector<float> means;
  set_->image(image, original);
  const std::size_t side = at(source_side_), depth = at(set_->channels());
  means.resize(side * side * depth);
  average(to_source_, original.height)(original.bytes, original.channels, means);
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side * depth; ++x)
      bytes[((y + 1) * (side + 2) + 1) * depth + x] =
          static_cast<std::uint8_t>(means[y * side * depth + x] * 255.0f + 0.5f);
  middle[0] = middle[1] = static_cast<float>(source_side_ - 1) / 2;
  if (options_.centre) {
    const Centroid c = centroid(original);
    const double scale = static_cast<double>(source_side_) / original.height;
    middle[0] = static_cast<float>((c.row + 0.5) * scale - 0.5);
    middle[1] = static_cast<float>((c.column + 0.5) * scale - 0.5);
  }
}

void Renderer::prepare(std::span<const int> images, Threads* threads) {
  const std::size_t bytes = at(source_side_ + 2) * at(source_side_ + 2) * at(set_->channels());
  std::size_t next = middles_.size() / 2;
  std::vector<int> fresh;
  for (const int image : images)
    if (slots_[at(image)] < 0) {
      slots_[at(image)] = static_cast<std::int32_t>(next++);
      fresh.push_back(image);
    }
  sources_.resize(next * bytes);
  middles_.resize(next * 2);
  const auto make = [&](std::int64_t block, int) {
    const std::size_t end = std::min(fresh.size(), at(block + 1) * 256);
    for (std::size_t i = at(block) * 256; i < end; ++i) {
      const std::size_t slot = at(slots_[at(fresh[i])]);
      make_source(fresh[i], std::span(sources_).subspan(slot * bytes, bytes), &middles_[2 * slot]);
    }
  };
  const auto blocks = static_cast<std::int64_t>((fresh.size() + 255) / 256);
  if (threads) {
    threads->run(blocks, make);
  } else {
    for (std::int64_t b = 0; b < blocks; ++b) make(b, 0);
  }
}

void Renderer::plain(int image, int turns, std::span<float> out) const {
  thread_local Image original;
  set_->image(image, original);
  const AreaAverage& mean = average(to_size_, original.height);
  if (options_.centre) {
    mean(centred(original).bytes, original.channels, out);
  } else {
    mean(original.bytes, original.channels, out);
  }
  turn(out, options_.size, set_->channels(), turns);
}

void Renderer::warped(int image, int turns, const Affine& map, std::span<float> out) const {
  const int depth = set_->channels(), stride = (source_side_ + 2) * depth;
  const std::size_t bytes = at(source_side_ + 2) * at(stride);
  thread_local std::vector<std::uint8_t> made;
  float middle[2];
  const std::uint8_t* source = nullptr;
  if (const std::int32_t slot = slots_[at(image)]; slot >= 0) {
    source = &sources_[at(slot) * bytes];
    middle[0] = middles_[2 * at(slot)];
    middle[1] = middles_[2 * at(slot) + 1];
  } else {
    made.resize(bytes);
    make_source(image, made, middle);
    source = made.data();
  }
  const Affine whole = compose(map, turning(turns));
  const float scale = static_cast<float>(source_side_) / static_cast<float>(options_.size);
  const float half = static_cast<float>(options_.size - 1) / 2;
  const float high = static_cast<float>(source_side_) + 0.999f;  // short of the far border
  float m[2][2];
  for (int r = 0; r < 2; ++r)
    for (int c = 0; c < 2; ++c) m[r][c] = whole.matrix[r][c] * scale;
  float* pixel = out.data();
  for (int y = 0; y < options_.size; ++y) {
    const float dy = static_cast<float>(y) - half - whole.shift[0];
    const float dx0 = -half - whole.shift[1];
    // + 1: the border of paper
    const float row0 = middle[0] + 1 + m[0][0] * dy, column0 = middle[1] + 1 + m[1][0] * dy;
    for (int x = 0; x < options_.size; ++x) {
      const float dx = dx0 + static_cast<float>(x);
      const float r = std::clamp(row0 + m[0][1] * dx, 0.0f, high);
      const float c = std::clamp(column0 + m[1][1] * dx, 0.0f, high);
      const int ri = static_cast<int>(r), ci = static_cast<int>(c);
      const float fr = r - static_cast<float>(ri), fc = c - static_cast<float>(ci);
      const std::uint8_t* p = source + ri * stride + ci * depth;
      for (int k = 0; k < depth; ++k, ++p) {
        const float above = static_cast<float>(p[0]) * (1 - fc) + static_cast<float>(p[depth]) * fc;
        const float below =
            static_cast<float>(p[stride]) * (1 - fc) + static_cast<float>(p[stride + depth]) * fc;
        *pixel++ = (above * (1 - fr) + below * fr) * (1.0f / 255.0f);
      }
    }
  }
}

Tensor Renderer::images(std::span<const int> images) const {
  Tensor out = Tensor::uninitialised(
      {static_cast<std::int64_t>(images.size()), options_.size, options_.size, set_->channels()});
  const std::span<float> values = out.mutable_values<float>();
  for (std::size_t i = 0; i < images.size(); ++i)
    plain(images[i], 0, values.subspan(i * floats(), floats()));
  return out;
}

}  // namespace metatape::tasks
