// render.hpp: from an ImageSet's pictures to what a network reads: small float images, 1 = ink.
// Plain renders are exact area averages; distorted ones sample a larger area average once, by
// bilinear interpolation, so an affine map costs one resampling whatever it is made of.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/tasks/images/image_set.hpp"

namespace metatape {
class Threads;
}

namespace metatape::tasks {

/// A map of the plane, from the place in the output to the place in the image, in output pixels
/// about the middle: (row, column) -> matrix · ((row, column) - shift).
struct Affine {
  float matrix[2][2] = {{1, 0}, {0, 1}};
  float shift[2] = {0, 0};
};

/// Ranges, each drawn evenly on both sides of 0: the defaults are those of the measured recipe.
struct Augmentation {
  double rotation = 15;     ///< degrees
  double shear = 0.2;       ///< columns a row
  double log_scale = 0.15;  ///< of each axis on its own
  double shift = 1.5;       ///< output pixels, each way
};

Affine random_affine(Random& random, const Augmentation& ranges);

/// First (seen from the output) `outer`, then `inner`.
Affine compose(const Affine& outer, const Affine& inner);

/// n fixed small maps, the first the identity, the others drawn from `key` at `strength` of the
/// ranges: views of a test image whose distances are averaged.
std::vector<Affine> fixed_views(int n, Key key, const Augmentation& ranges = {},
                                double strength = 0.7);

struct RenderOptions {
  int size = 28;        ///< pixels a side
  bool centre = false;  ///< ink moved so that its centroid lies in the middle
};

/// Safe to use from several threads at once.
class Renderer {
 public:
  explicit Renderer(std::shared_ptr<const ImageSet> set, RenderOptions options = {});

  [[nodiscard]] const ImageSet& set() const { return *set_; }
  [[nodiscard]] const RenderOptions& options() const { return options_; }
  /// Floats of one render: size · size · channels.
  [[nodiscard]] std::size_t floats() const;

  /// Keeps the larger area averages of these images (2.8 KB each), so that warped() need not make
  /// them: a third of its time. `threads` may be null.
  void prepare(std::span<const int> images, Threads* threads = nullptr);

  /// The image, centred at its own size by whole pixels if so asked, area-averaged, then turned
  /// counter-clockwise by quarter turns.
  void plain(int image, int turns, std::span<float> out) const;

  /// The image turned and distorted; centring is part of the map, not rounded to pixels.
  void warped(int image, int turns, const Affine& map, std::span<float> out) const;

  /// Plain renders of many images, [n, size, size, channels].
  [[nodiscard]] Tensor images(std::span<const int> images) const;

 private:
  struct Source;  // a view of one larger area average
  void make_source(int image, std::span<std::uint8_t> bytes, float middle[2]) const;
  [[nodiscard]] const AreaAverage& average(const std::vector<AreaAverage>& of, int side) const;

  std::shared_ptr<const ImageSet> set_;
  RenderOptions options_;
  int source_side_ = 53;
  std::vector<AreaAverage> to_size_, to_source_;  // by the sides that occur
  std::vector<std::int32_t> slots_;               // image to its place in sources_, -1: none
  std::vector<std::uint8_t> sources_;             // with a border of one pixel of paper
  std::vector<float> middles_;                    // [slot][2], in source pixels
};

}  // namespace metatape::tasks
