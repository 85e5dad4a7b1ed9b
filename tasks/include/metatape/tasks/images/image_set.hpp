// image_set.hpp: labelled images in memory: what every reader returns and every episode draws from.
// Images keep their own size (up to 105 pixels a side), since centring and the Hausdorff distance
// need it; black-and-white ones take a bit a pixel (Omniglot's 19,280 are 28 MB).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metatape/tasks/images/image.hpp"

namespace metatape::tasks {

/// What is ink in a file: the dark pixels (a pen on paper) or the light ones (MNIST, photographs).
enum class Ink : std::uint8_t { dark, light };

/// Immutable; share it by std::shared_ptr<const ImageSet>; a copy shares the pixels. All images are
/// square, as ink: 255 where the pen was (or the brightest light), 0 on the paper.
class ImageSet {
 public:
  /// Images first .. first + count - 1.
  struct Class {
    std::string name;  ///< "Bengali/character07"; without groups the class's own name
    int group = -1;    ///< position in groups(), -1 without groups
    int first = 0;
    int count = 0;
  };

  [[nodiscard]] const std::string& name() const { return name_; }  ///< where it came from
  [[nodiscard]] int images() const { return static_cast<int>(records_.size()); }
  [[nodiscard]] int channels() const { return channels_; }  ///< of every image: 1 or 3
  /// In byte order of (group, name).
  [[nodiscard]] const std::vector<Class>& classes() const { return classes_; }
  /// Alphabets, in byte order; empty when the set has none.
  [[nodiscard]] const std::vector<std::string>& groups() const { return groups_; }
  [[nodiscard]] int class_of(int image) const;
  [[nodiscard]] int side(int image) const;  ///< pixels

  /// The same images with 1 channel (luminance: 0.299 red + 0.587 green + 0.114 blue) or 3 (grey in
  /// each). Unless it was said, what is ink is as it would have been found among such images.
  /// Throws DataError for another number.
  [[nodiscard]] std::shared_ptr<const ImageSet> with_channels(int channels) const;

  /// The image at its own size, square, ink = 255.
  [[nodiscard]] Image image(int image) const;
  /// The same into `out`, whose memory is used again.
  void image(int image, Image& out) const;

 private:
  friend class ImageSetBuilder;
  struct Record {
    std::uint64_t offset;
    std::uint32_t owner;  // class
    std::uint16_t side;
    std::uint8_t channels;
    bool bits;
    bool dark;  // ink is dark, seen in grey
  };

  std::string name_;
  int channels_ = 1;
  bool ink_said_ = false;  // otherwise colours are taken as light
  std::vector<std::string> groups_;
  std::vector<Class> classes_;
  std::vector<Record> records_;
  std::shared_ptr<const std::vector<std::uint8_t>> bytes_;
};

/// Collects images in any order; finish() sorts groups, classes and, within a class, by `order`.
class ImageSetBuilder {
 public:
  /// Longer sides are area-averaged to this when they are added; drawings keep strokes that can be
  /// seen (drawing.hpp).
  static constexpr int kept_side = 105;

  /// Adds brightness as read. `group` may be empty, but then everywhere. `order` sorts the images
  /// of a class: a file's name, or empty to keep the order of adding.
  void add(const std::string& group, const std::string& name, const std::string& order,
           const Image& brightness);

  [[nodiscard]] int images() const { return static_cast<int>(items_.size()); }

  /// What is ink is said, or found. If every image has a plain border (drawing.hpp), that border is
  /// its paper, so drawings of either polarity can be mixed; otherwise ink is dark in all if the
  /// borders are light on average. Colour sets are light unless said.
  std::shared_ptr<const ImageSet> finish(std::string name, Ink ink);
  std::shared_ptr<const ImageSet> finish(std::string name);

 private:
  struct Item {
    std::string order;
    ImageSet::Record record;  // owner: position in labels_; dark: its own border is light
  };
  struct Label {
    std::string group, name;
  };

  [[nodiscard]] int label(const std::string& group, const std::string& name);
  std::shared_ptr<const ImageSet> finish(std::string name, std::optional<Ink> said);

  std::vector<Label> labels_;
  std::vector<std::pair<std::string, int>> index_;  // "group\0name", sorted
  std::vector<Item> items_;
  std::vector<std::uint8_t> bytes_;
  double border_ = 0;  // sum of border luminance
  double border_pixels_ = 0;
  bool plain_borders_ = true;  // of all images
  bool colour_ = false;
};

}  // namespace metatape::tasks
