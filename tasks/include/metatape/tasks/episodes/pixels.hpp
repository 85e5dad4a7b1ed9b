// pixels.hpp: the baselines that learn nothing: the nearest picture, pixel by pixel.
// A learner that does not beat them has learned nothing; centred pixels are much the stronger.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/tasks/episodes/sampler.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

/// For each row of `query` the label of the row of `support` at the least squared Euclidean
/// distance, the first of equals. float32; shapes [n, ...] and [m, ...] of equal rows.
/// Throws ShapeError, DTypeError.
std::vector<int> nearest_pixels(const Tensor& support, const Indices& labels, const Tensor& query);

/// The same for the planned episodes of a split, each image rendered once (plainly).
class PixelNeighbours {
 public:
  PixelNeighbours(const Split& split, RenderOptions options, Threads* threads = nullptr);

  /// The label given to each query of the plan.
  [[nodiscard]] std::vector<int> answers(const EpisodePlan& plan) const;
  /// The share of right ones.
  [[nodiscard]] double accuracy(const EpisodePlan& plan) const;

  /// The pixels of an image of the split.
  [[nodiscard]] std::span<const float> pixels(int image) const;

 private:
  std::unique_ptr<Renderer> renderer_;
  std::vector<std::int32_t> slots_;  // image to row, -1: not of the split
  std::vector<float> pixels_;
};

/// The share of answers that are right, labels being class by class: 0 0 .. 1 1 ...
double share_right(const std::vector<int>& answers, std::size_t way);

}  // namespace metatape::tasks
