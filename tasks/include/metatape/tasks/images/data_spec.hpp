// data_spec.hpp: one line of text that names a data set: what --data takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/tasks/images/readers.hpp"
#include "metatape/tasks/spec.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

///   strokes[:KEY=VALUE,...]          the embedded generator; alphabets, drawers, seed
///   omniglot:PATH[,PATH]             official zips or unpacked folders
///   folder:PATH[,ink=dark|light]     <class>/*.png or <group>/<class>/*.png
///   mnist:PATH                       a folder with the four IDX files, plain or .gz
///   idx:IMAGES,LABELS                one pair of IDX files
///   cifar10:PATH                     a folder with the binary batches
///
/// The bare names omniglot and mnist look in the folder that METATAPE_DATA names
/// (omniglot/images_background.zip or its folder, mnist/).
struct DataSpec {
  std::string kind;                ///< "strokes", "omniglot", ...
  std::vector<std::string> paths;  ///< absolute
  int alphabets = 30;              ///< of strokes
  int drawers = 20;                ///< of strokes
  std::uint64_t seed = 1;          ///< of strokes
  std::string ink;                 ///< of folder: "dark", "light" or empty: found

  /// The same set said in full, with absolute paths: what a run's config.toml keeps.
  [[nodiscard]] std::string text() const;
};

/// Throws SpecError, naming the nearest kind or key.
DataSpec parse_data(std::string_view spec);

/// Reads all of it. `threads` (may be null) speeds the generator; the result does not depend on it.
std::shared_ptr<const ImageSet> read_data(const DataSpec& spec, const ReadOptions& options = {},
                                          Threads* threads = nullptr);
std::shared_ptr<const ImageSet> read_data(std::string_view spec, const ReadOptions& options = {},
                                          Threads* threads = nullptr);

/// Reads everything and names each file that is broken: `set` is null when nothing could be read.
struct DataCheck {
  std::shared_ptr<const ImageSet> set;
  std::vector<BrokenFile> broken;
};
DataCheck check_data(const DataSpec& spec, Threads* threads = nullptr);

}  // namespace metatape::tasks
