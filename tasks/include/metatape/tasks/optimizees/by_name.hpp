// by_name.hpp: optimizees in one line of text: "mlp:data=mnist,hidden=40", "rosenbrock".
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metatape/tasks/optimizees/labelled_images.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"
#include "metatape/tasks/spec.hpp"

namespace metatape::tasks {

/// Sets that were read already, so that training and evaluation read a file once. Safe to use from
/// several threads.
class ImageCache {
 public:
  LabelledImages read(const DataSpec& spec, int size);

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, LabelledImages>> sets_;
};

/// What a spec does not say.
struct OptimizeeContext {
  /// A data spec with its path, "mnist:PATH": used for `data=mnist`, and for a classifier whose
  /// spec names no data. Empty, or of another kind: bare names look where METATAPE_DATA says.
  std::string data{};
  Purpose purpose = Purpose::train;      ///< which share of the images is drawn from
  std::shared_ptr<ImageCache> images{};  ///< null: read anew
};

/// The optimizee that `spec`, "name" or "name:key=value,...", describes.
///
/// Throws SpecError, of one line, for an unknown optimizee or key (naming the nearest), a key given
/// twice or without value, and a value that cannot be (naming what is expected); DataError for data
/// that cannot be read.
AnyOptimizee make_optimizee(std::string_view spec, const OptimizeeContext& context = {});

/// All that make_optimizee knows, in the order of a list.
const std::vector<SpecInfo>& optimizees_by_name();

}  // namespace metatape::tasks
