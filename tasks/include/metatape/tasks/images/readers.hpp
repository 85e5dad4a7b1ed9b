// readers.hpp: files on disk to an ImageSet, one function a layout.
// Folder layouts are read alike from an unpacked folder and from a zip archive (at most 64 MiB
// unpacked, 100,000 members). Every error is a DataError of one line that begins with the file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metatape/tasks/images/image_set.hpp"

namespace metatape::tasks {

/// A file that could not be read, and why.
struct BrokenFile {
  std::string file, reason;
};

struct ReadOptions {
  /// Where given, a broken image is noted here and left out instead of stopping the reading.
  std::vector<BrokenFile>* broken = nullptr;
  /// What is ink, when the layout leaves it open (folders); found from the borders unless said.
  std::optional<Ink> ink;
};

/// Omniglot: official archives or unpacked folders, `.../<Alphabet>/<character>/<image>.png`;
/// groups are the alphabets, dark is ink. Several sets are joined; an alphabet in two of them, or
/// an image of another size than the first of its character, is an error.
std::shared_ptr<const ImageSet> read_omniglot(const std::vector<std::filesystem::path>& paths,
                                              const ReadOptions& options = {});

/// Any image set as `<class>/*.png` or `<group>/<class>/*.png`; sizes and colours may be mixed,
/// and drawings are laid on clean paper (drawing.hpp).
std::shared_ptr<const ImageSet> read_folder(const std::filesystem::path& path,
                                            const ReadOptions& options = {});

/// MNIST's four files, 70,000 images; classes "0" to "9", no groups. Training images come first.
std::shared_ptr<const ImageSet> read_mnist(const std::filesystem::path& folder);

/// One pair of IDX files; a class for each label that occurs, named by its number with zeros.
std::shared_ptr<const ImageSet> read_idx_set(const std::filesystem::path& images,
                                             const std::filesystem::path& labels);

/// CIFAR-10's binary batches (data_batch_1.bin .. 5 and test_batch.bin, those that are there);
/// classes are named by batches.meta.txt, or by number.
std::shared_ptr<const ImageSet> read_cifar10(const std::filesystem::path& folder);

}  // namespace metatape::tasks
