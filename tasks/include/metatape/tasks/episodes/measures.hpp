// measures.hpp: how hard a set of drawings is, in figures that the real Omniglot was measured by.
// The generator is held to bounds around them; a set of one's own can be looked at in the same way.
// Three views that must agree: raw pixels (placement), centred pixels (shape), the Hausdorff
// distance (shape, small deformations forgiven); and mixed against within (do alphabets differ?).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metatape/tasks/images/image_set.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

struct Measure {
  std::string name;
  double value = 0;
  double real = 0;           ///< Omniglot's background set
  double low = 0, high = 0;  ///< what the generator must keep to

  [[nodiscard]] bool within_bounds() const { return value >= low && value <= high; }
};

struct MeasureOptions {
  int episodes = 300;       ///< of each kind of pixel neighbour episodes
  int hausdorff_runs = 60;  ///< of 20-way one-shot, within and mixed
  std::uint64_t seed = 1;
};

/// All measures. The set needs alphabets, some of 20 characters or more, and 20 drawings of each
/// character in the order of their drawers. Accuracies and errors in percent. Throws DataError.
std::vector<Measure> measure(const std::shared_ptr<const ImageSet>& set,
                             const MeasureOptions& options = {}, Threads* threads = nullptr);

}  // namespace metatape::tasks
