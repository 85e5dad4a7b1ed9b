// scratch.hpp: files for tests: a folder that goes away, bytes written, zip archives and PNG files
// made by hand so that they can be broken in every way, and where the real data lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/tasks/images/image.hpp"

namespace scratch {

using Bytes = std::vector<std::uint8_t>;

/// A new folder, removed with all it holds.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }
  /// Writes a file, making the folders above it; its path.
  std::string write(const std::string& name, const Bytes& bytes) const;
  std::string write(const std::string& name, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

/// A zip archive of members stored or deflated, which may lie about themselves.
struct Member {
  std::string name;
  Bytes data;
  bool deflated = false;
  bool encrypted = false;
  std::optional<std::uint32_t> crc, size;  ///< said instead of the truth
};
Bytes zip(const std::vector<Member>& members);

/// A PNG as libpng writes it. `pixels` are samples of `depth` bits, widened to 16.
struct PngKind {
  int colour_type = 0;  ///< 0 grey, 2 colour, 3 palette, 4 grey + alpha, 6 colour + alpha
  int depth = 8;
  bool interlaced = false;
  int filter = 0;  ///< 0 none, 1 sub, 2 up, 3 average, 4 Paeth
};
Bytes png(int width, int height, const PngKind& kind, const std::vector<std::uint16_t>& samples);

/// A grey 8-bit PNG of one brightness with one dark pixel at (1, 1).
Bytes plain_png(int side, std::uint8_t brightness = 255);

/// One chunk: length, type, data, CRC; and a signature with a header.
Bytes chunk(const std::string& type, const Bytes& data);
Bytes png_start(std::uint32_t width, std::uint32_t height, int depth = 8, int colour_type = 0);

Bytes deflated(const Bytes& data);
Bytes gzipped(const Bytes& data);
Bytes operator+(Bytes a, const Bytes& b);

/// An IDX file: 00 00 type dimensions, extents, data.
Bytes idx(const std::vector<std::uint32_t>& extents, const Bytes& data, int type = 8);

/// A file below METATAPE_TEST_DATA or ../shared/data beside the project; empty when it is not
/// there, and then says SKIPPED.
std::string real_data(const std::string& name);

}  // namespace scratch
