// split.hpp: which classes are learned from, chosen by, and reported on.
// Whole alphabets go to one side, in byte order of their names, so that no script is seen in
// training and in test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metatape/tasks/images/image_set.hpp"

namespace metatape::tasks {

/// Some classes of a set. `name` is part of an episode's key: "train", "validation", "test", "all".
struct Split {
  std::string name;
  std::shared_ptr<const ImageSet> set;
  std::vector<int> classes;  ///< positions in set->classes(), ascending

  [[nodiscard]] std::vector<std::string> groups() const;  ///< those that occur, in byte order
  [[nodiscard]] std::vector<int> images() const;          ///< of its classes, ascending
};

struct Splits {
  Split train, validation, test, all;
};

enum class SplitBy { group, character };

struct SplitOptions {
  /// A number of groups ("0": none), or names separated by commas; empty: the default below.
  std::string test{}, validation{};
  /// character: Vinyals' split of the whole of Omniglot (both archives), whose lists are fixed.
  SplitBy by = SplitBy::group;
  /// One Omniglot set: the last 6 alphabets test, the 3 before them validate.
  bool omniglot = false;
};

/// By default the last fifth of the groups tests, the tenth before it validates (each at least
/// one where there are three or more), the others train. A set without groups, or with one, is
/// split by classes in the same way. Numbers count from the end; named groups are taken out first.
/// Throws DataError for names that do not exist (with the nearest), a group on two sides, or more
/// groups than there are.
Splits split(std::shared_ptr<const ImageSet> set, const SplitOptions& options = {});

}  // namespace metatape::tasks
