// hausdorff.cpp: the exact distance by a bounded search.
// Means are subtracted, so A's points fall between B's pixels and a distance transform would round.
// Instead each column of B knows its nearest ink above and below every row; a point looks at the
// columns outward from its own until they are farther away than the best so far: some ten columns
// instead of 850 points.
#include "metatape/tasks/episodes/hausdorff.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "metatape/autodiff/threads.hpp"

namespace metatape::tasks {
namespace {

constexpr std::int16_t far = 16384;  // "no ink in this direction": beyond any image
std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

InkShape::InkShape(const Image& ink) : height_(ink.height), width_(ink.width) {
  const auto dark = [&](int row, int column) {
    return ink.bytes[at((row * width_ + column) * ink.channels)] > 127;
  };
  for (int r = 0; r < height_; ++r)
    for (int c = 0; c < width_; ++c)
      if (dark(r, c)) {
        rows_.push_back(static_cast<std::int16_t>(r));
        columns_.push_back(static_cast<std::int16_t>(c));
        mean_row_ += r;
        mean_column_ += c;
      }
  if (rows_.empty()) return;
  mean_row_ /= static_cast<double>(rows_.size());
  mean_column_ /= static_cast<double>(rows_.size());
  above_.resize(at(height_) * at(width_));
  below_.resize(above_.size());
  for (int c = 0; c < width_; ++c) {
    std::int16_t* up = &above_[at(c) * at(height_)];
    std::int16_t* down = &below_[at(c) * at(height_)];
    std::int16_t last = -far;
    for (int r = 0; r < height_; ++r)
      up[r] = last = dark(r, c) ? static_cast<std::int16_t>(r) : last;
    last = far;
    for (int r = height_; r-- > 0;)
      down[r] = last = dark(r, c) ? static_cast<std::int16_t>(r) : last;
  }
}

double InkShape::nearest_square(double row, double column) const {
  // floor(row) has ink above it at <= row; the row after it has ink below at >= row
  const int floor_row = static_cast<int>(std::floor(row));
  const int up_row = std::min(floor_row, height_ - 1), down_row = std::max(floor_row + 1, 0);
  const int start = std::clamp(static_cast<int>(std::lround(column)), 0, width_ - 1);
  double best = std::numeric_limits<double>::infinity();
  const auto look = [&](int c) {  // false: this column is too far away already
    const double across = (column - c) * (column - c);
    if (across >= best) return false;
    const std::size_t base = at(c) * at(height_);
    double along = std::numeric_limits<double>::infinity();
    if (up_row >= 0) along = row - above_[base + at(up_row)];
    if (down_row < height_) along = std::min(along, below_[base + at(down_row)] - row);
    best = std::min(best, across + along * along);
    return true;
  };
  bool left = true, right = true;
  look(start);
  for (int step = 1; left || right; ++step) {
    right = right && start + step < width_ && look(start + step);
    left = left && start - step >= 0 && look(start - step);
  }
  return best;
}

double InkShape::directed(const InkShape& other) const {
  const double down = other.mean_row_ - mean_row_, right = other.mean_column_ - mean_column_;
  double sum = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i)
    sum += std::sqrt(other.nearest_square(rows_[i] + down, columns_[i] + right));
  return sum / static_cast<double>(rows_.size());
}

double modified_hausdorff(const InkShape& a, const InkShape& b) {
  if (a.points() == 0 || b.points() == 0)
    return a.points() == b.points() ? 0 : std::numeric_limits<double>::infinity();
  return std::max(a.directed(b), b.directed(a));
}

std::vector<int> nearest_shapes(const std::vector<InkShape>& training,
                                const std::vector<InkShape>& queries, Threads* threads) {
  std::vector<int> answers(queries.size());
  const auto answer = [&](std::int64_t q, int) {
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t t = 0; t < training.size(); ++t)
      if (const double d = modified_hausdorff(queries[at(q)], training[t]); d < best) {
        best = d;
        answers[at(q)] = static_cast<int>(t);
      }
  };
  if (threads) {
    threads->run(std::ssize(queries), answer);
  } else {
    for (std::int64_t q = 0; q < std::ssize(queries); ++q) answer(q, 0);
  }
  return answers;
}

std::vector<int> hausdorff_answers(const ImageSet& set, const EpisodePlan& plan, Threads* threads) {
  const std::size_t way = plan.classes.size();
  const auto shapes = [&](const std::vector<int>& images) {
    std::vector<InkShape> out;
    for (std::size_t i = 0; i < images.size(); ++i)
      out.emplace_back(turned(set.image(images[i]), plan.turns[i / (images.size() / way)]));
    return out;
  };
  std::vector<int> answers = nearest_shapes(shapes(plan.support), shapes(plan.query), threads);
  for (int& a : answers) a /= static_cast<int>(plan.support.size() / way);
  return answers;
}

std::vector<double> hausdorff_errors(const OneShotTask& task, Threads* threads) {
  const auto shapes = [&](const std::vector<int>& images) {
    std::vector<InkShape> out;
    for (const int i : images) out.emplace_back(task.set->image(i));
    return out;
  };
  std::vector<double> errors;
  for (std::size_t r = 0; r < task.runs.size(); ++r)
    errors.push_back(task.error_percent(
        r, nearest_shapes(shapes(task.runs[r].training), shapes(task.runs[r].test), threads)));
  return errors;
}

}  // namespace metatape::tasks
