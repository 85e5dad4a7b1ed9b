// one_shot.hpp: Lake's one-shot classification task: 20 runs of 20-way, within an alphabet.
// A run has one drawing each of 20 characters by one person, and the same 20 by another: which is
// which? Lake, Salakhutdinov and Tenenbaum (2015).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "metatape/tasks/images/image_set.hpp"

namespace metatape::tasks {

struct OneShotRun {
  std::string name;           ///< "run01"
  std::vector<int> training;  ///< image ids, one a class, in the order of file names
  std::vector<int> test;      ///< image ids, in the order of file names
  std::vector<int> answers;   ///< for each test image the position of its class in `training`
};

struct OneShotTask {
  std::shared_ptr<const ImageSet> set;  ///< groups are the runs
  std::vector<OneShotRun> runs;

  /// The share of wrong answers of a run in percent; `given` as `answers`.
  [[nodiscard]] double error_percent(std::size_t run, const std::vector<int>& given) const;
};

/// `all_runs.zip` or its unpacked folder: runNN/{training,test}/*.png and runNN/class_labels.txt.
/// Throws DataError "FILE: why".
OneShotTask read_one_shot_task(const std::filesystem::path& path);

}  // namespace metatape::tasks
