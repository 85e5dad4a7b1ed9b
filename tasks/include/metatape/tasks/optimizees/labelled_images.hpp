// labelled_images.hpp: images of one size in memory, as bytes, and minibatches of them by key: what
// the classifiers among the optimizees are trained on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/tasks/images/data_spec.hpp"

namespace metatape::tasks {

/// A part of an ordered set, [begin, end) as fractions of it.
struct ImageShare {
  double begin = 0;
  double end = 1;
};

/// What images are drawn for. Neither meta-training nor the choice of a checkpoint or a rate sees
/// an image that evaluation uses; and checkpoints are chosen on images that training did not use.
enum class Purpose {
  train,     ///< meta-training: the first half
  tune,      ///< choice of a rival's rate: the third quarter
  validate,  ///< choice of a checkpoint: the third quarter, the very images rivals are tuned on
  evaluate,  ///< what is reported: the last quarter
};

ImageShare share_of(Purpose purpose);

/// "train", "tune", "validation", "evaluation".
const char* to_string(Purpose purpose);

/// Labelled images; a value: copies and shares of it look at the same memory.
class LabelledImages {
 public:
  struct Minibatch {
    Tensor images;   ///< [size, height, width, channels], in [0, 1]
    Indices labels;  ///< [size]
  };

  /// None.
  LabelledImages() = default;
  /// `bytes` [count][height][width][channels], one label in [0, classes) an image, in the order
  /// that shares are taken in. `name` says what it is in errors and in an optimizee's name. Throws
  /// DataError when numbers do not fit or a label is out of range.
  LabelledImages(std::string name, int height, int width, int channels, int classes,
                 std::vector<std::uint8_t> bytes, std::vector<std::uint16_t> labels);

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] int count() const { return end_ - begin_; }
  [[nodiscard]] int height() const;
  [[nodiscard]] int width() const;
  [[nodiscard]] int channels() const;
  [[nodiscard]] int classes() const { return classes_; }
  [[nodiscard]] int pixels() const { return height() * width() * channels(); }
  [[nodiscard]] int label(int image) const;

  /// Images [round(begin n), round(end n)) of these n. DataError when none is left, or unless
  /// 0 <= begin <= end <= 1.
  [[nodiscard]] LabelledImages share(ImageShare share) const;
  /// The images of classes first .. first + count - 1, which become 0 .. count - 1: CIFAR-5 of the
  /// ten, or the labels that were held out. DataError when there are not so many.
  [[nodiscard]] LabelledImages with_classes(int first, int count) const;

  /// `size` images drawn evenly, with replacement, by the key alone. Byte b is b / 255.
  [[nodiscard]] Minibatch minibatch(Key key, int size, DType dtype = DType::f32) const;
  /// These images (positions 0 .. count() - 1), in this order.
  [[nodiscard]] Minibatch at(const std::vector<int>& positions, DType dtype = DType::f32) const;

 private:
  struct Block {
    std::string name;
    int height = 0, width = 0, channels = 0;
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint16_t> labels;
  };

  [[nodiscard]] std::size_t place(int image) const;

  std::shared_ptr<const Block> block_;
  std::shared_ptr<const std::vector<int>> order_;  // null: as they lie
  int begin_ = 0, end_ = 0;                        // among order_, or of the block
  int first_class_ = 0, classes_ = 0;
};

/// Reads a data set for minibatches.
///
/// Of MNIST the 60,000 training images, in the files' order. Of an IDX pair all, in the file's
/// order. Of the other kinds all, their classes evenly mixed: image i of a class of n stands at
/// (i + ½) / n of the whole, so that every share has its part of each class; within a class in the
/// reader's order.
///
/// `size` pixels a side by exact area averages, rounded to bytes; 0: their own size where all have
/// one of at most 32, else 28. DataError when images that are not square are to be resized.
LabelledImages read_labelled_images(const DataSpec& spec, int size = 0);

/// The same of a set in memory.
LabelledImages labelled_images(const std::shared_ptr<const ImageSet>& set, std::string name,
                               int size = 0);

}  // namespace metatape::tasks
