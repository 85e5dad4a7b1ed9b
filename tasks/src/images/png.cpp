// png.cpp: PNG in and out through libpng.
// The header is checked before libpng sees a byte, so size limits hold whatever the library does.
// libpng reports errors by longjmp: everything between setjmp and a possible jump is plain data,
// and memory is owned outside. Ancillary chunks but tRNS are skipped unread (text bombs).
#include <fmt/format.h>
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "files.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/image.hpp"

namespace metatape::tasks {
namespace {

struct Source {
  const std::uint8_t* data;
  std::size_t left;
};

void read_some(png_structp png, png_bytep out, std::size_t n) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (n > source->left) png_error(png, "cut short");
  std::memcpy(out, source->data, n);
  source->data += n;
  source->left -= n;
}

[[noreturn]] void on_error(png_structp png, png_const_charp why) {
  std::snprintf(static_cast<char*>(png_get_error_ptr(png)), 128, "%s", why);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

class Decoder {
 public:
  explicit Decoder(std::span<const std::uint8_t> bytes) : source_{bytes.data(), bytes.size()} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, message_.data(), on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw Error("libpng: out of memory");
    }
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, &source_, read_some);
    png_set_user_limits(png_, max_image_side, max_image_side);
    png_set_chunk_malloc_max(png_, 1 << 20);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT,
                                reinterpret_cast<png_const_bytep>("tRNS"), 1);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png_, info_);
    png_set_expand(png_);  // palette to colour, 1 2 4 bits to 8, tRNS to alpha
    png_set_scale_16(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool rows(std::uint8_t* out, std::size_t stride) {
    if (setjmp(png_jmpbuf(png_))) return false;
    const png_uint_32 height = png_get_image_height(png_, info_);
    for (int pass = 0; pass < passes_; ++pass)
      for (png_uint_32 y = 0; y < height; ++y) png_read_row(png_, out + y * stride, nullptr);
    png_read_end(png_, nullptr);
    return true;
  }

  [[nodiscard]] std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  [[nodiscard]] int channels() const { return png_get_channels(png_, info_); }
  [[nodiscard]] const char* message() const { return message_.data(); }

 private:
  Source source_;
  std::array<char, 128> message_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
};

std::uint32_t big_endian(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) |
         p[3];
}

bool begins(std::span<const std::uint8_t> bytes, const char* magic, std::size_t n) {
  return bytes.size() >= n && std::memcmp(bytes.data(), magic, n) == 0;
}

/// Width and height from the file's first 33 bytes, within bounds; throws otherwise.
std::array<int, 2> checked_size(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.empty()) throw DataError(name + ": empty file, a PNG expected");
  if (!begins(bytes, "\x89PNG\r\n\x1a\n", 8)) {
    const char* seen = begins(bytes, "\xff\xd8\xff", 3) ? " but a JPEG"
                       : begins(bytes, "GIF8", 4)       ? " but a GIF"
                       : begins(bytes, "BM", 2)         ? " but a BMP"
                       : begins(bytes, "PK\x03\x04", 4) ? " but a zip archive"
                       : begins(bytes, "\x89PNG", bytes.size() < 4 ? bytes.size() : 4)
                           ? ", cut short"
                           : "";
    throw DataError(fmt::format("{}: not a PNG{} (by its first bytes)", name, seen));
  }
  if (bytes.size() < 33 || big_endian(bytes.data() + 8) != 13 ||
      std::memcmp(bytes.data() + 12, "IHDR", 4) != 0)
    throw DataError(name + ": broken PNG: no whole header (IHDR)");
  const std::uint32_t width = big_endian(bytes.data() + 16), height = big_endian(bytes.data() + 20);
  if (width == 0 || height == 0 || width > max_image_side || height > max_image_side)
    throw DataError(fmt::format("{}: {} x {} pixels (width x height); 1 x 1 to {} x {} are read",
                                name, width, height, max_image_side, max_image_side));
  return {static_cast<int>(width), static_cast<int>(height)};
}

/// 1 to 4 channels of brightness and alpha to colour, or to grey where every pixel is.
Image on_white(const std::vector<std::uint8_t>& pixels, int width, int height, int channels) {
  const auto n = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const auto step = static_cast<std::size_t>(channels);
  const bool alpha = channels == 2 || channels == 4;
  bool grey = true;
  std::vector<std::uint8_t> colour(3 * n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t* p = pixels.data() + i * step;
    const unsigned a = alpha ? p[step - 1] : 255u;
    for (std::size_t c = 0; c < 3; ++c)
      colour[3 * i + c] = static_cast<std::uint8_t>(
          (p[channels < 3 ? 0 : c] * a + 255u * (255u - a) + 127u) / 255u);
    grey = grey && colour[3 * i] == colour[3 * i + 1] && colour[3 * i] == colour[3 * i + 2];
  }
  if (!grey) return {height, width, 3, std::move(colour)};
  for (std::size_t i = 0; i < n; ++i) colour[i] = colour[3 * i];
  colour.resize(n);
  return {height, width, 1, std::move(colour)};
}

void append(png_structp png, png_bytep data, std::size_t n) {
  auto* out = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
  out->insert(out->end(), data, data + n);
}

bool write_all(png_structp png, png_infop info, const Image& image,
               std::vector<std::uint8_t>& out) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8,
               image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const auto stride = static_cast<std::size_t>(image.width * image.channels);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y)
    png_write_row(png, image.bytes.data() + y * stride);
  png_write_end(png, info);
  return true;
}

}  // namespace

Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  const auto [width, height] = checked_size(bytes, name);
  Decoder decoder(bytes);
  if (!decoder.header())
    throw DataError(fmt::format("{}: broken PNG: {}", name, decoder.message()));
  std::vector<std::uint8_t> pixels(decoder.row_bytes() * static_cast<std::size_t>(height));
  if (!decoder.rows(pixels.data(), decoder.row_bytes()))
    throw DataError(fmt::format("{}: broken PNG: {}", name, decoder.message()));
  if (decoder.channels() == 1) return {height, width, 1, std::move(pixels)};
  return on_white(pixels, width, height, decoder.channels());
}

Image read_png(const std::filesystem::path& path) {
  return decode_png(read_file(path, 64 << 20), path.string());
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  const auto n = static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) *
                 static_cast<std::size_t>(image.channels);
  if (n == 0 || image.bytes.size() != n || (image.channels != 1 && image.channels != 3))
    throw DataError(fmt::format("encode_png: {} bytes for {} x {} x {} (height, width, channels)",
                                image.bytes.size(), image.height, image.width, image.channels));
  std::array<char, 128> message{};
  std::vector<std::uint8_t> out;
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, message.data(), on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  const bool whole = info && write_all(png, info, image, out);
  png_destroy_write_struct(&png, &info);
  if (!whole) throw DataError(fmt::format("encode_png: {}", message.data()));
  return out;
}

}  // namespace metatape::tasks
