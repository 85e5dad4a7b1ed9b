#include "metatape/metalearn/fewshot/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

void Calibration::add(const EpisodeAnswers& answers, int way) {
  const auto n = std::ssize(answers.labels);
  if (way < 1 || n % way != 0 || !(answers.probabilities.shape() == Shape{n, way}))
    throw ShapeError(fmt::format("calibration: probabilities {} for {} queries of {} classes",
                                 to_string(answers.probabilities.shape()), n, way));
  const std::span<const float> p = answers.probabilities.values<float>();
  const std::int64_t each = n / way;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto row = p.subspan(static_cast<std::size_t>(i * way), static_cast<std::size_t>(way));
    const std::int64_t right = i / each;
    const double confidence = *std::ranges::max_element(row);
    Bin& b = sums_[static_cast<std::size_t>(
        std::clamp(static_cast<int>(confidence * bins), 0, bins - 1))];
    ++b.queries;
    b.confidence += confidence;
    b.right += answers.labels[static_cast<std::size_t>(i)] == right ? 1 : 0;
    log_likelihood_ += std::log(static_cast<double>(
        std::max(row[static_cast<std::size_t>(right)], std::numeric_limits<float>::min())));
  }
  queries_ += n;
}

Calibration::Bin Calibration::bin(int b) const {
  Bin bin = sums_.at(static_cast<std::size_t>(b));
  if (bin.queries > 0) {
    bin.confidence /= static_cast<double>(bin.queries);
    bin.right /= static_cast<double>(bin.queries);
  }
  return bin;
}

double Calibration::expected_error() const {
  double sum = 0;
  for (const Bin& b : sums_) sum += std::abs(b.confidence - b.right);
  return queries_ > 0 ? sum / static_cast<double>(queries_)
                      : std::numeric_limits<double>::quiet_NaN();
}

double Calibration::negative_log_likelihood() const {
  return queries_ > 0 ? -log_likelihood_ / static_cast<double>(queries_)
                      : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace metatape::metalearn
