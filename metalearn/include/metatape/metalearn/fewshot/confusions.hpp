// confusions.hpp: what is taken for what: classes, and the alphabets they are of.
// Episodes offer a class as a wrong answer more or less often, so counts alone say little: each is
// held against its chances, the times that a query of one class stood in an episode with the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "metatape/tasks/episodes/sampler.hpp"

namespace metatape::metalearn {

class Confusions {
 public:
  explicit Confusions(std::shared_ptr<const tasks::ImageSet> set);

  /// An episode's answers, its queries class by class.
  void add(const tasks::EpisodePlan& plan, const std::vector<int>& labels);

  [[nodiscard]] std::int64_t queries() const { return queries_; }
  [[nodiscard]] std::int64_t wrong() const { return wrong_; }

  // ---- alphabets, as positions in set->groups()
  /// Those of which queries were asked, ascending; empty when the set has none.
  [[nodiscard]] std::vector<int> groups() const;
  /// Of the wrong answers, the share whose class is of the query's own alphabet; NaN without any.
  [[nodiscard]] double same_group() const;
  /// The same if each wrong answer had fallen evenly on the episode's other classes.
  [[nodiscard]] double same_group_by_chance() const;
  /// How often a query of alphabet `asked` is called a given other class of alphabet `answered`
  /// that is in its episode; NaN when none was.
  [[nodiscard]] double rate(int asked, int answered) const;
  /// The share of right answers to the queries of an alphabet; NaN without any.
  [[nodiscard]] double accuracy(int group) const;

  // ---- classes, as positions in set->classes()
  struct Pair {
    int a = 0, b = 0;                     ///< a < b
    std::int64_t wrong = 0, chances = 0;  ///< either taken for the other
  };
  /// The pairs that were confused most often, at most so many; of equals the one with fewer
  /// chances, then by class.
  [[nodiscard]] std::vector<Pair> worst_pairs(std::size_t most) const;

 private:
  struct Count {
    std::int64_t wrong = 0, chances = 0;
  };
  struct Asked {
    std::int64_t right = 0, queries = 0;
  };
  [[nodiscard]] int group(int of_class) const;

  std::shared_ptr<const tasks::ImageSet> set_;
  std::int64_t queries_ = 0, wrong_ = 0, same_ = 0;
  double same_by_chance_ = 0;
  std::map<std::pair<int, int>, Count> groups_, classes_;
  std::map<int, Asked> asked_;
};

}  // namespace metatape::metalearn
