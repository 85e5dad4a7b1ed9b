// hausdorff.hpp: the modified Hausdorff distance between drawings, the one-shot task's baseline.
// Dubuisson and Jain (1994):  d(A, B) = mean over a in A of min over b in B of |a - b|,
// H(A, B) = max(d(A, B), d(B, A)); the points are all ink pixels, their mean subtracted.
#pragma once

#include <cstdint>
#include <vector>

#include "metatape/tasks/episodes/sampler.hpp"
#include "metatape/tasks/images/image_set.hpp"
#include "metatape/tasks/images/one_shot.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

/// A drawing's ink points, made ready to be compared.
class InkShape {
 public:
  /// Ink is what is above half of 255.
  explicit InkShape(const Image& ink);

  [[nodiscard]] std::size_t points() const { return rows_.size(); }

  /// H(a, b), in pixels; infinite when only one of them has no ink, 0 when neither has.
  friend double modified_hausdorff(const InkShape& a, const InkShape& b);

 private:
  /// d(*this, other).
  [[nodiscard]] double directed(const InkShape& other) const;
  [[nodiscard]] double nearest_square(double row, double column) const;

  int height_ = 0, width_ = 0;
  double mean_row_ = 0, mean_column_ = 0;
  std::vector<std::int16_t> rows_, columns_;
  std::vector<std::int16_t> above_, below_;  // [column][row]: the nearest ink row <= row, >= row
};

double modified_hausdorff(const InkShape& a, const InkShape& b);

/// For each query the position of the nearest of `training`, the first of equals.
std::vector<int> nearest_shapes(const std::vector<InkShape>& training,
                                const std::vector<InkShape>& queries, Threads* threads = nullptr);

/// The label given to each query of a plan, by the nearest support image (turns are respected).
std::vector<int> hausdorff_answers(const ImageSet& set, const EpisodePlan& plan,
                                   Threads* threads = nullptr);

/// The error in percent of each run of Lake's task.
std::vector<double> hausdorff_errors(const OneShotTask& task, Threads* threads = nullptr);

}  // namespace metatape::tasks
