// readers_binary.cpp: the layouts that are blocks of bytes: IDX pairs, MNIST, CIFAR-10.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <system_error>

#include "files.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/idx.hpp"
#include "metatape/tasks/images/readers.hpp"

namespace metatape::tasks {
namespace {

void add_pair(ImageSetBuilder& builder, const IdxPair& pair) {
  const int largest = *std::max_element(pair.labels.begin(), pair.labels.end());
  const int digits = largest > 99 ? 3 : largest > 9 ? 2 : 1;
  const std::size_t n =
      static_cast<std::size_t>(pair.height) * static_cast<std::size_t>(pair.width);
  for (std::size_t i = 0; i < static_cast<std::size_t>(pair.count); ++i) {
    const std::uint8_t* from = pair.images.data() + i * n;
    builder.add("", fmt::format("{:0{}}", pair.labels[i], digits), "",
                {pair.height, pair.width, 1, {from, from + n}});
  }
}

}  // namespace

std::shared_ptr<const ImageSet> read_mnist(const std::filesystem::path& folder) {
  const Mnist mnist = read_mnist_files(folder);
  ImageSetBuilder builder;
  add_pair(builder, mnist.train);
  add_pair(builder, mnist.test);
  return builder.finish(folder.string(), Ink::light);
}

std::shared_ptr<const ImageSet> read_idx_set(const std::filesystem::path& images,
                                             const std::filesystem::path& labels) {
  ImageSetBuilder builder;
  add_pair(builder, read_idx_pair(images, labels));
  return builder.finish(images.string());
}

std::shared_ptr<const ImageSet> read_cifar10(const std::filesystem::path& folder) {
  constexpr std::size_t plane = 32 * 32, record = 1 + 3 * plane;
  std::vector<std::string> names;
  std::error_code why;
  if (const auto meta = folder / "batches.meta.txt"; std::filesystem::exists(meta, why)) {
    const std::vector<std::uint8_t> bytes = read_file(meta, 1 << 20);
    std::istringstream lines(std::string(bytes.begin(), bytes.end()));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty() && line != "\r") names.push_back(line.substr(0, line.find('\r')));
    if (names.size() != 10)
      throw DataError(
          fmt::format("{}: {} names of classes, 10 expected", meta.string(), names.size()));
  }
  ImageSetBuilder builder;
  for (const char* batch : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                            "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    const auto path = folder / batch;
    if (!std::filesystem::exists(path, why)) continue;
    const std::vector<std::uint8_t> bytes = read_file(path, 1 << 30);
    if (bytes.empty() || bytes.size() % record != 0)
      throw DataError(fmt::format("{}: {} bytes, a multiple of {} (label and 32 x 32 x 3) expected",
                                  path.string(), bytes.size(), record));
    for (std::size_t i = 0; i < bytes.size() / record; ++i) {
      const std::uint8_t* from = bytes.data() + i * record;
      if (*from > 9)
        throw DataError(
            fmt::format("{}: label {} at image {}; labels are 0 to 9", path.string(), *from, i));
      Image image{32, 32, 3, std::vector<std::uint8_t>(3 * plane)};
      for (std::size_t p = 0; p < plane; ++p)
        for (std::size_t c = 0; c < 3; ++c) image.bytes[3 * p + c] = from[1 + c * plane + p];
      builder.add("", names.empty() ? fmt::format("{}", *from) : names[*from], "", image);
    }
  }
  if (builder.images() == 0)
    throw DataError(folder.string() +
                    ": no data_batch_1.bin to data_batch_5.bin or test_batch.bin");
  return builder.finish(folder.string(), Ink::light);
}

}  // namespace metatape::tasks
