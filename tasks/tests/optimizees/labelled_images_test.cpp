// labelled_images_test.cpp: shares, classes, minibatches and readers, on images made here; MNIST as
// it is distributed where it is at hand.
#include "metatape/tasks/optimizees/labelled_images.hpp"

#include <algorithm>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "support/catch.hpp"
#include "support/pictures.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

LabelledImages numbered(int count, int classes) {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint16_t> labels;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i));
    labels.push_back(static_cast<std::uint16_t>(i % classes));
  }
  return {"numbers", 1, 1, 1, classes, bytes, labels};
}

/// Which of numbered()'s images a set holds, in its order.
std::vector<int> which(const LabelledImages& images) {
  std::vector<int> all(static_cast<std::size_t>(images.count())), found;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  for (const double v : images.at(all, DType::f64).images.to_vector())
    found.push_back(static_cast<int>(v * 255 + 0.5));
  return found;
}

}  // namespace

TEST_CASE("labelled images: pixels are b / 255, labels beside them") {
  const LabelledImages images("two", 1, 2, 3, 5, {0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6},
                              {4, 2});
  CHECK(images.count() == 2);
  CHECK(images.pixels() == 6);
  const auto batch = images.at({1, 0, 0}, DType::f64);
  CHECK(batch.images.shape() == Shape{3, 1, 2, 3});
  CHECK(batch.labels == Indices({2, 4, 4}));
  CHECK(batch.images.at(0) == 1 / 255.0);
  CHECK(batch.images.at(7) == 0.2);
  CHECK(batch.images.at(11) == 1);
  CHECK(identical(images.at({1, 0, 0}).images, batch.images.to(DType::f32)));
}

TEST_CASE("labelled images: training, choosing and evaluating take parts of their own") {
  const LabelledImages images = numbered(40, 4);
  const auto part = [&](Purpose purpose) {
    const auto all = which(images.share(share_of(purpose)));
    return std::set<int>(all.begin(), all.end());
  };
  const auto range = [](int first, int last) {
    std::set<int> all;
    for (int i = first; i < last; ++i) all.insert(i);
    return all;
  };
  CHECK(part(Purpose::train) == range(0, 20));
  CHECK(part(Purpose::tune) == range(20, 30));
  CHECK(part(Purpose::validate) == range(20, 30));
  CHECK(part(Purpose::evaluate) == range(30, 40));
  CHECK(which(images.share({0.25, 0.75}).share({0.5, 1})) ==
        std::vector<int>{20, 21, 22, 23, 24, 25, 26, 27, 28, 29});
  CHECK(std::string(to_string(Purpose::validate)) == "validation");
}

TEST_CASE("labelled images: some of the classes, numbered from 0") {
  const LabelledImages images = numbered(12, 4).with_classes(1, 2);
  CHECK(images.classes() == 2);
  CHECK(which(images) == std::vector<int>{1, 2, 5, 6, 9, 10});
  CHECK(images.at({0, 1, 2}).labels == Indices({0, 1, 0}));
  CHECK(which(images.with_classes(1, 1)) == std::vector<int>{2, 6, 10});
  CHECK(images.with_classes(1, 1).label(2) == 0);
  CHECK(which(images.share({0.5, 1})) == std::vector<int>{6, 9, 10});
}

TEST_CASE("labelled images: a minibatch depends on its key alone and draws evenly") {
  const LabelledImages images = numbered(10, 10);
  const auto first = images.minibatch(Key(1), 5000);
  static_cast<void>(images.minibatch(Key(2), 7));
  const auto again = images.minibatch(Key(1), 5000);
  CHECK(identical(first.images, again.images));
  CHECK(first.labels == again.labels);
  CHECK_FALSE(identical(first.images, images.minibatch(Key(2), 5000).images));
  std::vector<int> counts(10);
  for (const auto l : first.labels.values()) ++counts[static_cast<std::size_t>(l)];
  for (const int c : counts) CHECK(std::abs(c - 500) < 110);  // 5 deviations of 21
}

TEST_CASE("labelled images: MNIST's training images in the files' order, resized when asked") {
  const scratch::Folder folder;
  write_mnist(folder, "mnist", 40, 20);
  const DataSpec spec = parse_data("mnist:" + (folder / "mnist"));
  const LabelledImages images = read_labelled_images(spec);
  CHECK(images.name() == "mnist");
  CHECK(images.count() == 40);
  CHECK(images.classes() == 10);
  CHECK(images.height() == 28);
  CHECK(images.label(13) == 3);
  CHECK(images.at({13}, DType::f64).images.at(100) == 13 / 255.0);
  const LabelledImages small = read_labelled_images(spec, 14);
  CHECK(small.pixels() == 14 * 14);
  CHECK(small.at({13}, DType::f64).images.at(100) == 13 / 255.0);
}

TEST_CASE("labelled images: CIFAR-10's planes become pixels, its classes are mixed") {
  const scratch::Folder folder;
  write_cifar10(folder, "cifar/data_batch_1.bin", 40);
  const LabelledImages images = read_labelled_images(parse_data("cifar10:" + (folder / "cifar")));
  CHECK(images.count() == 40);
  CHECK(images.height() == 32);
  CHECK(images.channels() == 3);
  CHECK(images.classes() == 10);
  for (int i = 0; i < 40; ++i) CHECK(images.label(i) == i % 10);
  const auto batch = images.at({17}, DType::f64);
  const auto pixel = [&](std::int64_t row, std::int64_t column, std::int64_t channel) {
    return batch.images.at((row * 32 + column) * 3 + channel) * 255;
  };
  CHECK(pixel(5, 9, 0) == Approx(17));
  CHECK(pixel(5, 9, 1) == Approx(5));
  CHECK(pixel(5, 9, 2) == Approx(9));
}

TEST_CASE("labelled images: drawings of 105 pixels are read at 28, every share has each class") {
  const scratch::Folder folder;
  for (const char* character : {"character01", "character02"})
    for (int i = 0; i < 8; ++i)
      folder.write("o/Greek/" + std::string(character) + "/" + std::to_string(i) + ".png",
                   scratch::plain_png(105));
  const LabelledImages images = read_labelled_images(parse_data("omniglot:" + (folder / "o")));
  CHECK(images.height() == 28);
  CHECK(images.classes() == 2);
  const LabelledImages last = images.share(share_of(Purpose::evaluate));
  CHECK(last.count() == 4);
  CHECK(last.label(0) + last.label(1) == 1);
  CHECK(last.label(2) + last.label(3) == 1);
}

TEST_CASE("labelled images: what does not fit is said") {
  CHECK_THROWS_WITH(LabelledImages("x", 1, 1, 1, 2, {1, 2}, {0}),
                    "x: 2 bytes and 1 labels of 2 classes for images of 1 x 1 x 1: each at least "
                    "1, and a label an image, are needed");
  CHECK_THROWS_WITH(LabelledImages("x", 1, 1, 1, 2, {1, 2}, {0, 2}),
                    "x: label 2 at image 1; labels are 0 to 1");
  const LabelledImages images = numbered(4, 2);
  CHECK_THROWS_WITH(images.share({0.5, 0.5}), "numbers: share 0.5 to 0.5 of 4 images holds none");
  CHECK_THROWS_WITH(images.share({0.5, 1.5}),
                    "numbers: share 0.5 to 1.5: two fractions of 0 to 1 in order are needed");
  CHECK_THROWS_WITH(images.with_classes(1, 2), "numbers: 2 classes from class 1 on: it has 2");
  CHECK_THROWS_WITH(images.at({4}), "numbers: image 4 of 4");
  CHECK_THROWS_WITH(images.minibatch(Key(1), 0),
                    "numbers: a minibatch of 0 from 4 images: at least 1 of each is needed");
  CHECK_THROWS_WITH(LabelledImages{}.minibatch(Key(1), 1),
                    "no images: a minibatch of 1 from 0 images: at least 1 of each is needed");
  const scratch::Folder folder;
  const std::string spec =
      "idx:" + folder.write("i", scratch::idx({2, 2, 3}, scratch::Bytes(12, 7))) + "," +
      folder.write("l", scratch::idx({2}, {0, 1}));
  CHECK(read_labelled_images(parse_data(spec)).width() == 3);
  CHECK_THROWS_WITH(read_labelled_images(parse_data(spec), 2),
                    "idx: images of 2 x 3 pixels: only square ones can be made 2 x 2");
}

TEST_CASE("real MNIST: the shares are the halves and quarters of the training images") {
  const std::string one = scratch::real_data("mnist/train-images-idx3-ubyte.gz");
  if (one.empty()) return;
  const std::string folder = std::filesystem::path(one).parent_path().string();
  const LabelledImages images = read_labelled_images(parse_data("mnist:" + folder));
  CHECK(images.count() == 60'000);
  CHECK(images.label(0) == 5);
  CHECK(images.share(share_of(Purpose::train)).count() == 30'000);
  CHECK(images.share(share_of(Purpose::validate)).count() == 15'000);
  CHECK(images.share(share_of(Purpose::evaluate)).count() == 15'000);
  CHECK(images.share(share_of(Purpose::evaluate)).label(0) == images.label(45'000));
  double sum = 0;
  for (std::uint64_t i = 0; i < 16; ++i)
    for (const float v : images.minibatch(Key(1).split(i), 1000).images.values<float>()) sum += v;
  CHECK(sum / (16'000 * 784) == Approx(0.1307).epsilon(0.012));  // 5 deviations of .0003
}
