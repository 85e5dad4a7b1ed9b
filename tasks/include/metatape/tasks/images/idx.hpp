// idx.hpp: the IDX format of MNIST: big-endian sizes, then bytes; plain or gzip, told by content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace metatape::tasks {

/// The bytes of an IDX file and their extents, in file order.
struct Idx {
  std::vector<std::int64_t> extents;
  std::vector<std::uint8_t> bytes;  ///< exactly the product of the extents
};

/// Reads bytes (type 0x08) of 1 to 4 dimensions. Memory is asked for only when the header's size is
/// what the file can hold. Throws DataError "NAME: why".
Idx decode_idx(std::span<const std::uint8_t> file, const std::string& name);
Idx read_idx(const std::filesystem::path& path);

/// Images and their labels, in file order: what an optimizer's minibatches are drawn from.
struct IdxPair {
  int count = 0, height = 0, width = 0;
  std::vector<std::uint8_t> images;  ///< [count][height][width]
  std::vector<std::uint8_t> labels;  ///< [count]
};

/// Throws DataError too when the counts differ, an image is larger than 1024 x 1024 or a label is
/// larger than `largest_label`.
IdxPair read_idx_pair(const std::filesystem::path& images, const std::filesystem::path& labels,
                      int largest_label = 254);

/// The four files of MNIST in a folder, plain or with .gz; the labels are 0 to 9.
struct Mnist {
  IdxPair train, test;
};
Mnist read_mnist_files(const std::filesystem::path& folder);

}  // namespace metatape::tasks
