// image_set.cpp: packing images into one block of memory and taking them out again.
#include "metatape/tasks/images/image_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/drawing.hpp"

namespace metatape::tasks {
namespace {

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

/// A byte of bits as 8 bytes of 0 or 255, the highest bit first.
const std::array<std::array<std::uint8_t, 8>, 256>& unpacked() {
  static const auto table = [] {
    std::array<std::array<std::uint8_t, 8>, 256> t{};
    for (unsigned byte = 0; byte < 256; ++byte)
      for (unsigned bit = 0; bit < 8; ++bit) t[byte][bit] = (byte >> (7 - bit)) & 1u ? 255 : 0;
    return t;
  }();
  return table;
}

std::size_t row_bytes(int side) { return at((side + 7) / 8); }

Image shrunk(const Image& image, int side) {
  std::vector<float> means(at(side) * at(side) * at(image.channels));
  AreaAverage(image.height, side)(image.bytes, image.channels, means);
  Image out{side, side, image.channels, std::vector<std::uint8_t>(means.size())};
  std::transform(means.begin(), means.end(), out.bytes.begin(),
                 [](float v) { return static_cast<std::uint8_t>(v * 255.0f + 0.5f); });
  return out;
}

}  // namespace

int ImageSet::class_of(int image) const { return static_cast<int>(records_[at(image)].owner); }

int ImageSet::side(int image) const { return records_[at(image)].side; }

Image ImageSet::image(int image) const {
  Image out;
  this->image(image, out);
  return out;
}

void ImageSet::image(int image, Image& out) const {
  const Record& r = records_[at(image)];
  const std::size_t side = r.side, n = side * side;
  out.height = out.width = r.side;
  out.channels = channels_;
  out.bytes.resize(n * at(channels_));
  const std::uint8_t* in = bytes_->data() + r.offset;
  if (r.bits) {
    const auto& table = unpacked();
    std::array<std::uint8_t, 8> last{};
    for (std::size_t y = 0; y < side; ++y, in += row_bytes(r.side)) {
      std::uint8_t* row = out.bytes.data() + y * side;
      std::size_t x = 0;
      for (; x + 8 <= side; x += 8) std::memcpy(row + x, table[in[x / 8]].data(), 8);
      if (x < side) {
        last = table[in[x / 8]];
        std::memcpy(row + x, last.data(), side - x);
      }
    }
  } else if (r.channels > channels_) {
    for (std::size_t i = 0; i < n; ++i) out.bytes[i] = luminance(in + 3 * i);
  } else {
    std::memcpy(out.bytes.data(), in, n * r.channels);
  }
  if (r.channels < channels_)  // a grey image among coloured ones
    for (std::size_t i = n; i-- > 0;)
      for (std::size_t c = 3; c-- > 0;) out.bytes[3 * i + c] = out.bytes[i];
  if (r.dark && (ink_said_ || channels_ == 1))
    for (std::uint8_t& b : out.bytes) b = static_cast<std::uint8_t>(255 - b);
}

std::shared_ptr<const ImageSet> ImageSet::with_channels(int channels) const {
  if (channels != 1 && channels != 3)
    throw DataError(fmt::format("{}: {} channels asked for; 1 or 3 expected", name_, channels));
  auto set = std::make_shared<ImageSet>(*this);
  set->channels_ = channels;
  return set;
}

int ImageSetBuilder::label(const std::string& group, const std::string& name) {
  std::string key = group + '\0' + name;
  const auto place = std::lower_bound(index_.begin(), index_.end(), key,
                                      [](const auto& a, const auto& b) { return a.first < b; });
  if (place != index_.end() && place->first == key) return place->second;
  const int fresh = static_cast<int>(labels_.size());
  labels_.push_back({group, name});
  index_.insert(place, {std::move(key), fresh});
  return fresh;
}

void ImageSetBuilder::add(const std::string& group, const std::string& name,
                          const std::string& order, const Image& brightness) {
  const int owner = label(group, name);
  const Border border = border_of(brightness);
  border_ += static_cast<double>(border.sum);
  border_pixels_ += static_cast<double>(border.pixels);
  plain_borders_ = plain_borders_ && border.plain;
  Image image = square(with_visible_strokes(brightness, kept_side));
  if (image.height > kept_side) image = shrunk(image, kept_side);
  colour_ = colour_ || image.channels == 3;
  const bool bits = image.channels == 1 && std::all_of(image.bytes.begin(), image.bytes.end(),
                                                       [](auto b) { return b == 0 || b == 255; });
  items_.push_back(
      {order,
       {bytes_.size(), static_cast<std::uint32_t>(owner), static_cast<std::uint16_t>(image.height),
        static_cast<std::uint8_t>(image.channels), bits, border.light()}});
  if (!bits) {
    bytes_.insert(bytes_.end(), image.bytes.begin(), image.bytes.end());
    return;
  }
  const std::size_t side = at(image.height);
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side; x += 8) {
      unsigned packed = 0;
      for (std::size_t bit = 0; bit < 8 && x + bit < side; ++bit)
        packed |= (image.bytes[y * side + x + bit] & 1u) << (7 - bit);
      bytes_.push_back(static_cast<std::uint8_t>(packed));
    }
}

std::shared_ptr<const ImageSet> ImageSetBuilder::finish(std::string name) {
  return finish(std::move(name), std::optional<Ink>());
}

std::shared_ptr<const ImageSet> ImageSetBuilder::finish(std::string name, Ink ink) {
  return finish(std::move(name), std::optional(ink));
}

std::shared_ptr<const ImageSet> ImageSetBuilder::finish(std::string name, std::optional<Ink> said) {
  auto set = std::make_shared<ImageSet>();
  set->name_ = std::move(name);
  set->channels_ = colour_ ? 3 : 1;
  set->ink_said_ = said.has_value();
  const bool all_dark = said ? said == Ink::dark : border_ > 127.5 * border_pixels_;
  if (said || !plain_borders_)
    for (Item& item : items_) item.record.dark = all_dark;

  std::vector<int> rank(labels_.size());  // place of a label in byte order
  std::vector<int> sorted(labels_.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    const Label &x = labels_[at(a)], &y = labels_[at(b)];
    return x.group != y.group ? x.group < y.group : x.name < y.name;
  });
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Label& l = labels_[at(sorted[i])];
    rank[at(sorted[i])] = static_cast<int>(i);
    if (!l.group.empty() && (set->groups_.empty() || set->groups_.back() != l.group))
      set->groups_.push_back(l.group);
    set->classes_.push_back({l.group.empty() ? l.name : l.group + "/" + l.name,
                             l.group.empty() ? -1 : static_cast<int>(set->groups_.size()) - 1});
  }
  for (Item& item : items_) item.record.owner = static_cast<std::uint32_t>(rank[item.record.owner]);
  std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
    return a.record.owner != b.record.owner ? a.record.owner < b.record.owner : a.order < b.order;
  });
  for (const Item& item : items_) {
    ImageSet::Class& c = set->classes_[item.record.owner];
    if (c.count++ == 0) c.first = set->images();
    set->records_.push_back(item.record);
  }
  bytes_.shrink_to_fit();
  set->bytes_ = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes_));
  *this = ImageSetBuilder();
  return set;
}

}  // namespace metatape::tasks
