// calibration.hpp: whether a learner is as often right as it is sure.
// Queries are sorted by their confidence, the largest of their probabilities, into ten bins; in
// each the mean confidence is held against the share of right answers. Naeini et al. (2015), Guo
// et al. (2017).
#pragma once

#include <array>
#include <cstdint>

#include "metatape/metalearn/fewshot/evaluate.hpp"

namespace metatape::metalearn {

class Calibration {
 public:
  static constexpr int bins = 10;

  /// Of [b / 10, (b + 1) / 10); the last holds 1 too.
  struct Bin {
    std::int64_t queries = 0;
    double confidence = 0, right = 0;  ///< means; 0 in an empty bin
  };

  /// An episode's answers, its queries class by class. Throws ShapeError when the probabilities
  /// are not [queries, way].
  void add(const EpisodeAnswers& answers, int way);

  [[nodiscard]] std::int64_t queries() const { return queries_; }
  [[nodiscard]] Bin bin(int b) const;
  /// Mean over the queries of |confidence - share right| of their bin; NaN without queries.
  [[nodiscard]] double expected_error() const;
  /// Mean of -log p(right class) in nats, p taken as at least the least normal float32; NaN without
  /// queries.
  [[nodiscard]] double negative_log_likelihood() const;

 private:
  std::array<Bin, bins> sums_{};
  std::int64_t queries_ = 0;
  double log_likelihood_ = 0;
};

}  // namespace metatape::metalearn
