// sampler.hpp: N-way K-shot episodes of a split.
// Episode e depends on (key, split's name, options, e) alone, so every learner meets the same ones
// and a run can stop and go on anywhere. Drawing is in two steps: plan(e) says which images (an
// evaluation that has embedded each image once needs no more), episode(e) renders them too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/tasks/episodes/split.hpp"
#include "metatape/tasks/images/render.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

/// Quarter turns of characters; for training only (a turned letter may be another letter).
enum class Rotations : std::uint8_t {
  none,
  drawn,    ///< a turn a class in mixed episodes, one for the whole episode within a group
  episode,  ///< one for the whole episode: safe where letters are turns of each other
  classes,  ///< each character's four turns are classes of their own, drawn like any other
};

struct EpisodeOptions {
  int way = 5;        ///< classes, at least 2
  int shot = 1;       ///< support images a class, at least 1
  int query = 15;     ///< query images a class, at least 1
  double within = 0;  ///< share of the episodes whose classes come from one group; 1: all
  Rotations rotations = Rotations::none;
  bool augment = false;          ///< a small affine map for each image
  bool augment_classes = false;  ///< and one for each class (mixed) or the episode (within)
  Augmentation augmentation{};
  bool centre = false;  ///< ink moved to the middle
  int size = 28;        ///< pixels a side
};

/// Which images an episode is made of. Classes stand in the order drawn: class i has label i.
struct EpisodePlan {
  std::uint64_t index = 0;
  int group = -1;            ///< of a within-group episode, position in set->groups(); -1 mixed
  std::vector<int> classes;  ///< [way] positions in set->classes()
  std::vector<int> turns;    ///< [way] counter-clockwise quarter turns
  std::vector<int> support;  ///< [way · shot] image ids, class by class
  std::vector<int> query;    ///< [way · query] image ids, class by class; none in support
};

struct Episode {
  EpisodePlan plan;
  /// [way · shot + way · query, size, size, channels] in [0, 1], 1 = ink: the support, then the
  /// queries; `support` and `query` share its memory.
  Tensor images, support, query;
  Indices support_labels, query_labels;  ///< 0 .. way - 1
};

/// Safe to use from several threads at once.
class EpisodeSampler {
 public:
  /// `key` is the run's (Key(seed)); the split's name is mixed in here. `threads` (may be null)
  /// prepares the sources of augmented images, once.
  /// Throws DataError when the options ask for more than the split has.
  EpisodeSampler(Split split, const EpisodeOptions& options, Key key, Threads* threads = nullptr);

  [[nodiscard]] EpisodePlan plan(std::uint64_t e) const;
  [[nodiscard]] Episode episode(std::uint64_t e) const;

  [[nodiscard]] const EpisodeOptions& options() const { return options_; }
  [[nodiscard]] const Split& split() const { return split_; }
  [[nodiscard]] const Renderer& renderer() const { return *renderer_; }

  /// What can never occur and why: "Bengali/character07: 3 images, 16 needed", and for episodes
  /// within a group "Braille: 4 classes, 5 needed".
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }

  /// Labels 0 .. way - 1, each `each` times: of the support with shot, of the queries with query.
  [[nodiscard]] Indices labels(int each) const;

 private:
  struct Group {
    int group;
    std::vector<int> classes;
  };

  [[nodiscard]] Key key(std::uint64_t e) const { return key_.split(e); }
  void render(const EpisodePlan& plan, std::span<float> out) const;

  Split split_;
  EpisodeOptions options_;
  Key key_;
  std::vector<int> classes_;   // with enough images
  std::vector<Group> groups_;  // with enough such classes
  std::vector<std::string> left_out_;
  std::unique_ptr<Renderer> renderer_;
};

}  // namespace metatape::tasks
