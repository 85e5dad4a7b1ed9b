#include "metatape/tasks/optimizees/labelled_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/idx.hpp"
#include "metatape/tasks/images/render.hpp"

namespace metatape::tasks {

namespace {

std::uint8_t to_byte(float brightness) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(brightness, 0.0f, 1.0f)));
}

void require_size(const std::string& name, int size) {
  if (size < 0 || size > max_image_side)
    throw DataError(
        fmt::format("{}: size={}: 0 to {} pixels a side expected", name, size, max_image_side));
}

LabelledImages from_pair(IdxPair pair, std::string name, int size) {
  require_size(name, size);
  if (pair.count == 0) throw DataError(fmt::format("{}: no images in it", name));
  const int classes = 1 + *std::max_element(pair.labels.begin(), pair.labels.end());
  std::vector<std::uint16_t> labels(pair.labels.begin(), pair.labels.end());
  if (size == 0 && std::max(pair.height, pair.width) > 32) size = 28;
  if (size == 0 || (size == pair.height && size == pair.width))
    return {std::move(name),        pair.height,      pair.width, 1, classes,
            std::move(pair.images), std::move(labels)};
  if (pair.height != pair.width)
    throw DataError(
        fmt::format("{}: images of {} x {} pixels: only square ones can be made {} x {}", name,
                    pair.height, pair.width, size, size));
  const AreaAverage average(pair.height, size);
  const auto from = static_cast<std::size_t>(pair.height) * static_cast<std::size_t>(pair.width);
  const auto to = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  std::vector<float> small(to);
  std::vector<std::uint8_t> bytes(labels.size() * to);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    average(std::span(pair.images).subspan(i * from, from), 1, small);
    std::ranges::transform(small, bytes.begin() + static_cast<std::ptrdiff_t>(i * to), to_byte);
  }
  return {std::move(name), size, size, 1, classes, std::move(bytes), std::move(labels)};
}

}  // namespace

ImageShare share_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::train:
      return {0, 0.5};
    case Purpose::tune:
    case Purpose::validate:
      return {0.5, 0.75};
    case Purpose::evaluate:
      break;
  }
  return {0.75, 1};
}

const char* to_string(Purpose purpose) {
  switch (purpose) {
    case Purpose::train:
      return "train";
    case Purpose::tune:
      return "tune";
    case Purpose::validate:
      return "validation";
    case Purpose::evaluate:
      break;
  }
  return "evaluation";
}

LabelledImages::LabelledImages(std::string name, int height, int width, int channels, int classes,
                               std::vector<std::uint8_t> bytes, std::vector<std::uint16_t> labels)
    : end_(static_cast<int>(labels.size())), classes_(classes) {
  const std::int64_t one = std::int64_t{height} * width * channels;
  if (height < 1 || width < 1 || channels < 1 || classes < 1 || labels.empty() ||
      static_cast<std::int64_t>(bytes.size()) != one * static_cast<std::int64_t>(labels.size()))
    throw DataError(
        fmt::format("{}: {} bytes and {} labels of {} classes for images of {} x {} x "
                    "{}: each at least 1, and a label an image, are needed",
                    name, bytes.size(), labels.size(), classes, height, width, channels));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= classes)
      throw DataError(fmt::format("{}: label {} at image {}; labels are 0 to {}", name, labels[i],
                                  i, classes - 1));
  block_ = std::make_shared<const Block>(Block{.name = std::move(name),
                                               .height = height,
                                               .width = width,
                                               .channels = channels,
                                               .bytes = std::move(bytes),
                                               .labels = std::move(labels)});
}

const std::string& LabelledImages::name() const {
  static const std::string none = "no images";
  return block_ ? block_->name : none;
}
int LabelledImages::height() const { return block_ ? block_->height : 0; }
int LabelledImages::width() const { return block_ ? block_->width : 0; }
int LabelledImages::channels() const { return block_ ? block_->channels : 0; }

std::size_t LabelledImages::place(int image) const {
  if (image < 0 || image >= count())
    throw DataError(fmt::format("{}: image {} of {}", name(), image, count()));
  const auto at = static_cast<std::size_t>(begin_ + image);
  return order_ ? static_cast<std::size_t>((*order_)[at]) : at;
}

int LabelledImages::label(int image) const { return block_->labels[place(image)] - first_class_; }

LabelledImages LabelledImages::share(ImageShare share) const {
  if (!(share.begin >= 0 && share.begin <= share.end && share.end <= 1))
    throw DataError(fmt::format("{}: share {} to {}: two fractions of 0 to 1 in order are needed",
                                name(), share.begin, share.end));
  LabelledImages part = *this;
  part.begin_ = begin_ + static_cast<int>(std::lround(share.begin * count()));
  part.end_ = begin_ + static_cast<int>(std::lround(share.end * count()));
  if (part.count() == 0)
    throw DataError(fmt::format("{}: share {} to {} of {} images holds none", name(), share.begin,
                                share.end, count()));
  return part;
}

LabelledImages LabelledImages::with_classes(int first, int count) const {
  if (first < 0 || count < 1 || first > classes_ - count)
    throw DataError(
        fmt::format("{}: {} classes from class {} on: it has {}", name(), count, first, classes_));
  std::vector<int> chosen;
  for (int i = 0; i < this->count(); ++i)
    if (const int l = label(i); l >= first && l < first + count)
      chosen.push_back(static_cast<int>(place(i)));
  LabelledImages part = *this;
  part.first_class_ = first_class_ + first;
  part.classes_ = count;
  part.begin_ = 0;
  part.end_ = static_cast<int>(chosen.size());
  part.order_ = std::make_shared<const std::vector<int>>(std::move(chosen));
  return part;
}

LabelledImages::Minibatch LabelledImages::minibatch(Key key, int size, DType dtype) const {
  if (count() == 0 || size < 1)
    throw DataError(
        fmt::format("{}: a minibatch of {} from {} images: at least 1 of each is needed", name(),
                    size, count()));
  Random random(key);
  std::vector<int> positions(static_cast<std::size_t>(size));
  for (int& p : positions) p = static_cast<int>(random.below(count()));
  return at(positions, dtype);
}

LabelledImages::Minibatch LabelledImages::at(const std::vector<int>& positions, DType dtype) const {
  const auto n = static_cast<std::int64_t>(positions.size());
  const auto one = static_cast<std::size_t>(pixels());
  Tensor images = Tensor::uninitialised({n, height(), width(), channels()}, dtype);
  std::vector<std::int32_t> labels(positions.size());
  visit(dtype, [&]<class T>(T) {
    static const std::array<T, 256> brightness = [] {
      std::array<T, 256> b{};
      for (std::size_t i = 0; i < 256; ++i) b[i] = static_cast<T>(static_cast<double>(i) / 255);
      return b;
    }();
    auto to = images.mutable_values<T>().begin();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const std::size_t from = place(positions[i]);
      labels[i] = block_->labels[from] - first_class_;
      const std::uint8_t* bytes = block_->bytes.data() + from * one;
      to = std::transform(bytes, bytes + one, to, [](std::uint8_t b) { return brightness[b]; });
    }
  });
  return {std::move(images), Indices(std::move(labels))};
}

LabelledImages labelled_images(const std::shared_ptr<const ImageSet>& set, std::string name,
                               int size) {
  require_size(name, size);
  const int n = set->images();
  if (n == 0) throw DataError(fmt::format("{}: no images in it", name));
  if (size == 0) {
    size = set->side(0);
    for (int i = 1; i < n; ++i)
      if (set->side(i) != size) size = 28;
    if (size > 32) size = 28;
  }
  std::vector<std::pair<double, int>> order;  // place in the whole, image
  for (const ImageSet::Class& c : set->classes())
    for (int i = 0; i < c.count; ++i) order.emplace_back((i + 0.5) / c.count, c.first + i);
  std::ranges::sort(order);
  const Renderer renderer(set, {.size = size});
  std::vector<float> picture(renderer.floats());
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint16_t> labels;
  bytes.reserve(picture.size() * order.size());
  for (const auto& [_, image] : order) {
    renderer.plain(image, 0, picture);
    for (const float v : picture) bytes.push_back(to_byte(v));
    labels.push_back(static_cast<std::uint16_t>(set->class_of(image)));
  }
  return {std::move(name),
          size,
          size,
          set->channels(),
          static_cast<int>(set->classes().size()),
          std::move(bytes),
          std::move(labels)};
}

LabelledImages read_labelled_images(const DataSpec& spec, int size) {
  if (spec.kind == "mnist")
    return from_pair(read_mnist_files(spec.paths.at(0)).train, spec.kind, size);
  if (spec.kind == "idx")
    return from_pair(read_idx_pair(spec.paths.at(0), spec.paths.at(1)), spec.kind, size);
  return labelled_images(read_data(spec), spec.kind, size);
}

}  // namespace metatape::tasks
