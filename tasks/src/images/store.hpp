// store.hpp: a tree of files, whether a folder or a zip archive, listed before anything is read.
// What comes from a stranger is bounded here: names that leave the tree, duplicates, encrypted
// members, bombs and loops of links are refused by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace metatape::tasks {

class Store {
 public:
  static constexpr std::uint64_t max_bytes = 64 << 20;  ///< of all members of a zip, unpacked
  static constexpr std::size_t max_members = 100'000;

  /// A folder or a zip archive. Throws DataError.
  static std::unique_ptr<Store> open(const std::filesystem::path& path);
  virtual ~Store() = default;

  /// Files below the root, '/' between folders, in byte order. Hidden files and what Mac archivers
  /// add (__MACOSX, .DS_Store, ._name) are not listed.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  /// For messages: "ARCHIVE: NAME" or "FOLDER/NAME".
  [[nodiscard]] virtual std::string full_name(std::size_t member) const = 0;
  [[nodiscard]] virtual std::vector<std::uint8_t> read(std::size_t member) = 0;
  [[nodiscard]] const std::string& root() const { return root_; }

 protected:
  std::string root_;
  std::vector<std::string> names_;
};

/// "a/b/c.png" as {"a", "b", "c.png"}.
std::vector<std::string> components(const std::string& name);

/// Whether the name ends so, in any case: ends_with(name, ".png").
bool ends_with(const std::string& name, const std::string& lower_case_ending);

}  // namespace metatape::tasks
