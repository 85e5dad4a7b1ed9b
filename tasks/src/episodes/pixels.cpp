// pixels.cpp: nearest neighbours by direct evaluation of squared distances.
// A query meets four supports at once, each summed in 16 lanes of fixed order, so the compiler has
// vectors to use and the bits do not depend on how many it uses.
#include "metatape/tasks/episodes/pixels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"

namespace metatape::tasks {
namespace {

constexpr std::size_t lanes = 16;

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

/// Squared distances of q to `count` <= 4 rows.
template <std::size_t count>
void distances(const float* q, const std::array<const float*, 4>& rows, std::size_t n, float* out) {
  float sums[count][lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t r = 0; r < count; ++r)
      for (std::size_t l = 0; l < lanes; ++l) {
        const float d = q[i + l] - rows[r][i + l];
        sums[r][l] += d * d;
      }
  for (std::size_t r = 0; r < count; ++r) {
    float sum = 0;
    for (std::size_t l = 0; l < lanes; ++l) sum += sums[r][l];
    for (std::size_t j = i; j < n; ++j) sum += (q[j] - rows[r][j]) * (q[j] - rows[r][j]);
    out[r] = sum;
  }
}

/// The position of the nearest row to q.
std::size_t nearest(const float* q, const std::vector<const float*>& rows, std::size_t n) {
  float best = std::numeric_limits<float>::infinity();
  std::size_t winner = 0, r = 0;
  const auto take = [&](float d, std::size_t row) {
    if (d < best) {
      best = d;
      winner = row;
    }
  };
  std::array<float, 4> d{};
  for (; r + 4 <= rows.size(); r += 4) {
    distances<4>(q, {rows[r], rows[r + 1], rows[r + 2], rows[r + 3]}, n, d.data());
    for (std::size_t k = 0; k < 4; ++k) take(d[k], r + k);
  }
  for (; r < rows.size(); ++r) {
    distances<1>(q, {rows[r]}, n, d.data());
    take(d[0], r);
  }
  return winner;
}

}  // namespace

std::vector<int> nearest_pixels(const Tensor& support, const Indices& labels, const Tensor& query) {
  if (support.shape().rank() < 1 || query.shape().rank() != support.shape().rank() ||
      !(support.shape().with(0, 1) == query.shape().with(0, 1)) ||
      labels.size() != support.shape()[0] || support.shape()[0] == 0)
    throw ShapeError(fmt::format("nearest_pixels: support {}, labels {}, query {}: rows differ",
                                 to_string(support.shape()), to_string(labels.shape()),
                                 to_string(query.shape())));
  const std::span<const float> s = support.values<float>(), q = query.values<float>();
  const std::size_t n = at(support.size() / support.shape()[0]);
  std::vector<const float*> rows;
  for (std::int64_t i = 0; i < support.shape()[0]; ++i) rows.push_back(s.data() + at(i) * n);
  std::vector<int> answers;
  for (std::int64_t i = 0; i < query.shape()[0]; ++i)
    answers.push_back(labels[static_cast<std::int64_t>(nearest(q.data() + at(i) * n, rows, n))]);
  return answers;
}

PixelNeighbours::PixelNeighbours(const Split& split, RenderOptions options, Threads* threads)
    : renderer_(std::make_unique<Renderer>(split.set, options)),
      slots_(at(split.set->images()), -1) {
  const std::vector<int> images = split.images();
  const std::size_t n = renderer_->floats();
  pixels_.resize(images.size() * n);
  for (std::size_t i = 0; i < images.size(); ++i)
    slots_[at(images[i])] = static_cast<std::int32_t>(i);
  const auto draw = [&](std::int64_t block, int) {
    for (std::size_t i = at(block) * 256; i < std::min(images.size(), at(block + 1) * 256); ++i)
      renderer_->plain(images[i], 0, std::span(pixels_).subspan(i * n, n));
  };
  const auto blocks = static_cast<std::int64_t>((images.size() + 255) / 256);
  if (threads) {
    threads->run(blocks, draw);
  } else {
    for (std::int64_t b = 0; b < blocks; ++b) draw(b, 0);
  }
}

std::span<const float> PixelNeighbours::pixels(int image) const {
  const std::int32_t slot = slots_[at(image)];
  if (slot < 0)
    throw DataError(fmt::format("pixel neighbours: image {} is not of their split", image));
  return std::span(pixels_).subspan(at(slot) * renderer_->floats(), renderer_->floats());
}

std::vector<int> PixelNeighbours::answers(const EpisodePlan& plan) const {
  const std::size_t n = renderer_->floats(), way = plan.classes.size();
  const std::size_t shot = plan.support.size() / way, query = plan.query.size() / way;
  // Turned classes are rendered anew; plain ones are looked up.
  std::vector<std::vector<float>> turned;
  turned.reserve(plan.support.size() + plan.query.size());
  const auto row = [&](int image, int turns) -> const float* {
    if (turns % 4 == 0) return pixels(image).data();
    renderer_->plain(image, turns, turned.emplace_back(n));
    return turned.back().data();
  };
  std::vector<const float*> rows;
  for (std::size_t i = 0; i < plan.support.size(); ++i)
    rows.push_back(row(plan.support[i], plan.turns[i / shot]));
  std::vector<int> answers;
  for (std::size_t i = 0; i < plan.query.size(); ++i) {
    const float* q = row(plan.query[i], plan.turns[i / query]);
    answers.push_back(static_cast<int>(nearest(q, rows, n) / shot));
  }
  return answers;
}

double PixelNeighbours::accuracy(const EpisodePlan& plan) const {
  return share_right(answers(plan), plan.classes.size());
}

double share_right(const std::vector<int>& answers, std::size_t way) {
  const std::size_t each = answers.size() / way;
  std::size_t right = 0;
  for (std::size_t i = 0; i < answers.size(); ++i)
    right += answers[i] == static_cast<int>(i / each) ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(answers.size());
}

}  // namespace metatape::tasks
