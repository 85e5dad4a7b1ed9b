// strokes.hpp: the embedded generator of alphabets: handwriting without a file.
// An alphabet is a small pool of stroke shapes from which its characters are put together; every
// drawing rebuilds a character from noisy parts in the hand of one of its drawers. It is made to be
// as hard as Omniglot by the measures of measures.hpp. Any image can be made alone: it depends on
// (seed, alphabet, character, drawer) and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "metatape/tasks/images/image_set.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

struct StrokesOptions {
  int alphabets = 30;
  int drawers = 20;  ///< drawings of each character
  std::uint64_t seed = 1;
};

/// One alphabet: 14 to 52 characters.
class GeneratedAlphabet {
 public:
  GeneratedAlphabet(std::uint64_t seed, int alphabet);
  ~GeneratedAlphabet();
  GeneratedAlphabet(GeneratedAlphabet&&) noexcept;

  [[nodiscard]] int characters() const;
  /// The character as its maker means it: no drawer, no noise. 105 x 105, ink 255.
  [[nodiscard]] Image ideal(int character) const;
  /// One drawing of it. 105 x 105, ink 255.
  [[nodiscard]] Image draw(int character, int drawer) const;

 private:
  struct Design;
  std::unique_ptr<const Design> design_;
};

/// All drawings of all alphabets; groups "strokes01", ..., classes "character01", .... `threads`
/// may be null; the set does not depend on it. Throws DataError on counts below 1 or above 1000.
std::shared_ptr<const ImageSet> generate_strokes(const StrokesOptions& options = {},
                                                 Threads* threads = nullptr);

}  // namespace metatape::tasks
