// idx.cpp: IDX, with the header believed only as far as the file's length bears it out.
#include "metatape/tasks/images/idx.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <system_error>

#include "files.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/image.hpp"

namespace metatape::tasks {
namespace {

constexpr std::uint64_t largest_file = std::uint64_t{4} << 30;

/// Bytes from a plain or gzip file, in order; a gzip member is inflated as it is read.
class Stream {
 public:
  Stream(std::span<const std::uint8_t> file, const std::string& name) : file_(file), name_(name) {
    gzip_ = file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
    if (!gzip_) return;
    if (inflateInit2(&z_, 15 + 16) != Z_OK) throw Error("zlib: out of memory");
    z_.next_in = const_cast<Bytef*>(file.data());
    z_.avail_in = 0;
  }
  ~Stream() {
    if (gzip_) inflateEnd(&z_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] bool gzip() const { return gzip_; }

  /// Fills `out` as far as the file reaches; the number of bytes written.
  std::size_t read(std::span<std::uint8_t> out) {
    if (!gzip_) {
      const std::size_t n = std::min(out.size(), file_.size() - at_);
      std::copy_n(file_.data() + at_, n, out.data());
      at_ += n;
      return n;
    }
    std::size_t done = 0;
    while (done < out.size() && !ended_) {
      const std::size_t piece = std::min<std::size_t>(out.size() - done, 1 << 30);
      z_.next_out = out.data() + done;
      z_.avail_out = static_cast<uInt>(piece);
      if (z_.avail_in == 0) {
        const std::size_t fed = std::min<std::size_t>(file_.size() - at_, 1 << 30);
        z_.avail_in = static_cast<uInt>(fed);
        at_ += fed;
      }
      const int status = inflate(&z_, Z_NO_FLUSH);
      done += piece - z_.avail_out;
      if (status == Z_STREAM_END) {
        ended_ = true;
        if (z_.avail_in > 0 || at_ < file_.size())
          throw DataError(name_ + ": bytes after the end of the gzip data");
      } else if (status == Z_BUF_ERROR) {
        throw DataError(name_ + ": gzip data cut short: truncated download?");
      } else if (status != Z_OK) {
        throw DataError(
            fmt::format("{}: broken gzip data: {}", name_, z_.msg ? z_.msg : "inflate failed"));
      }
    }
    return done;
  }

  /// Bytes left after what was read, counted up to `limit`.
  std::uint64_t rest(std::uint64_t limit) {
    if (!gzip_) return file_.size() - at_;
    std::array<std::uint8_t, 4096> scratch;
    std::uint64_t n = 0;
    while (n < limit) {
      const std::size_t got = read(scratch);
      n += got;
      if (got < scratch.size()) break;
    }
    return n;
  }

 private:
  std::span<const std::uint8_t> file_;
  const std::string& name_;
  std::size_t at_ = 0;
  bool gzip_ = false, ended_ = false;
  z_stream z_{};
};

std::string times(const std::vector<std::int64_t>& extents) {
  std::string text;
  for (const std::int64_t e : extents) text += (text.empty() ? "" : " x ") + std::to_string(e);
  return text;
}

std::string type_name(unsigned type) {
  switch (type) {
    case 0x09:
      return "signed bytes (0x09)";
    case 0x0B:
      return "16-bit integers (0x0B)";
    case 0x0C:
      return "32-bit integers (0x0C)";
    case 0x0D:
      return "32-bit floats (0x0D)";
    case 0x0E:
      return "64-bit floats (0x0E)";
    default:
      return fmt::format("type 0x{:02X}", type);
  }
}

unsigned checked_dimensions(const std::array<std::uint8_t, 4>& magic, const std::string& name) {
  const auto [a, b, c, d] = magic;
  if (a == 0 && b == 0 && c >= 0x08 && c <= 0x0E) {
    if (c != 0x08)
      throw DataError(fmt::format("{}: holds {}; bytes (0x08) are read", name, type_name(c)));
    if (d < 1 || d > 4) throw DataError(fmt::format("{}: {} dimensions; 1 to 4 are read", name, d));
    return d;
  }
  if (c == 0 && d == 0 && b >= 0x08 && b <= 0x0E)
    throw DataError(fmt::format(
        "{}: bytes reversed (magic {:02x} {:02x} 00 00): a little-endian file is not IDX", name, a,
        b));
  if (a == 0x1f && b == 0x8b) throw DataError(name + ": gzip inside gzip, an IDX file expected");
  throw DataError(
      fmt::format("{}: not an IDX file (begins {:02x} {:02x} {:02x} {:02x})", name, a, b, c, d));
}

}  // namespace

Idx decode_idx(std::span<const std::uint8_t> file, const std::string& name) {
  if (file.empty()) throw DataError(name + ": empty file, IDX expected");
  Stream stream(file, name);
  std::array<std::uint8_t, 4> word{};
  if (const std::size_t n = stream.read(word); n < 4)
    throw DataError(fmt::format("{}: {} bytes, too short for an IDX header", name, n));
  const unsigned dimensions = checked_dimensions(word, name);
  Idx idx;
  std::uint64_t size = 1;
  bool overflow = false;
  for (unsigned i = 0; i < dimensions; ++i) {
    if (stream.read(word) < 4)
      throw DataError(
          fmt::format("{}: header cut short: {} dimensions announced", name, dimensions));
    const std::uint32_t extent = (std::uint32_t{word[0]} << 24) | (std::uint32_t{word[1]} << 16) |
                                 (std::uint32_t{word[2]} << 8) | word[3];
    idx.extents.push_back(extent);
    constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
    overflow = overflow || (extent != 0 && size > largest / extent);
    if (!overflow) size *= extent;
  }
  const std::string shape = times(idx.extents);
  if (std::find(idx.extents.begin(), idx.extents.end(), 0) != idx.extents.end())
    throw DataError(fmt::format("{}: a dimension is 0 ({})", name, shape));
  // Deflate packs at most 1032 to 1: more is a lie, found before memory is asked for.
  const std::uint64_t header = 4 + 4 * std::uint64_t{dimensions};
  const std::uint64_t possible =
      stream.gzip() ? std::uint64_t{file.size()} * 1032 : std::uint64_t{file.size()};
  if (overflow || size > largest_file || (stream.gzip() && size + header > possible))
    throw DataError(
        fmt::format("{}: its header promises {}{} bytes, more than {}", name, shape,
                    overflow ? "" : fmt::format(" = {}", size),
                    overflow || size > largest_file ? "is read" : "its gzip data can hold"));
  if (!stream.gzip() && size + header > possible)
    throw DataError(
        fmt::format("{}: {} bytes expected from its header ({}), {} found: truncated download?",
                    name, size, shape, file.size() - header));
  idx.bytes.resize(size);
  const std::size_t got = stream.read(idx.bytes);
  if (got < size)
    throw DataError(
        fmt::format("{}: {} bytes expected from its header ({}), {} found: truncated download?",
                    name, size, shape, got));
  if (const std::uint64_t more = stream.rest(1 << 20); more > 0)
    throw DataError(fmt::format("{}: {} bytes expected from its header ({}), {}{} more found", name,
                                size, shape, more >= 1 << 20 ? "at least " : "", more));
  return idx;
}

Idx read_idx(const std::filesystem::path& path) {
  return decode_idx(read_file(path, largest_file), path.string());
}

IdxPair read_idx_pair(const std::filesystem::path& images, const std::filesystem::path& labels,
                      int largest_label) {
  const auto wants = [](const Idx& idx, const std::filesystem::path& path, std::size_t n,
                        const char* what) {
    if (idx.extents.size() != n)
      throw DataError(fmt::format("{}: {} dimensions ({}); {} have {}", path.string(),
                                  idx.extents.size(), times(idx.extents), what, n));
  };
  Idx x = read_idx(images), y = read_idx(labels);
  wants(x, images, 3, "images");
  wants(y, labels, 1, "labels");
  if (x.extents[1] > max_image_side || x.extents[2] > max_image_side)
    throw DataError(fmt::format("{}: images of {} x {}; at most {} x {} are read", images.string(),
                                x.extents[1], x.extents[2], max_image_side, max_image_side));
  if (x.extents[0] != y.extents[0])
    throw DataError(fmt::format("{}: {} images, but {} labels in {}", images.string(), x.extents[0],
                                y.extents[0], labels.string()));
  for (std::size_t i = 0; i < y.bytes.size(); ++i)
    if (y.bytes[i] > largest_label)
      throw DataError(fmt::format("{}: label {} at position {}; labels are 0 to {}",
                                  labels.string(), y.bytes[i], i, largest_label));
  return {static_cast<int>(x.extents[0]), static_cast<int>(x.extents[1]),
          static_cast<int>(x.extents[2]), std::move(x.bytes), std::move(y.bytes)};
}

Mnist read_mnist_files(const std::filesystem::path& folder) {
  std::error_code why;
  const auto find = [&](const char* name) {
    for (const char* ending : {"", ".gz"})
      if (auto path = folder / (std::string(name) + ending); std::filesystem::exists(path, why))
        return path;
    throw DataError(fmt::format("{}: no {} (plain or .gz)", folder.string(), name));
  };
  const auto pair = [&](const char* images, const char* labels) {
    const auto x = find(images), y = find(labels);  // in this order: the first missing is named
    return read_idx_pair(x, y, 9);
  };
  return {pair("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
          pair("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")};
}

}  // namespace metatape::tasks
