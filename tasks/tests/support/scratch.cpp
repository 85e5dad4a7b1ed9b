// scratch.cpp: see scratch.hpp.
#include "scratch.hpp"

#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace scratch {
namespace fs = std::filesystem;
namespace {

void little(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) out.push_back(static_cast<std::uint8_t>(value));
}

void big(Bytes& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  for (std::size_t i = 1; i <= 4; ++i, value >>= 8)
    out[out.size() - i] = static_cast<std::uint8_t>(value);
}

Bytes compressed(const Bytes& data, int window) {
  z_stream z{};
  if (deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  Bytes out(deflateBound(&z, static_cast<uLong>(data.size())) + 32);
  z.next_in = const_cast<Bytef*>(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::uint32_t crc_of(const Bytes& data) {
  return static_cast<std::uint32_t>(crc32(0, data.data(), static_cast<uInt>(data.size())));
}

}  // namespace

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "metatape-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp " + name);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const Bytes& bytes) const {
  const fs::path path = path_ / name;
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
  return path.string();
}

std::string Folder::write(const std::string& name, std::string_view text) const {
  return write(name, Bytes(text.begin(), text.end()));
}

Bytes zip(const std::vector<Member>& members) {
  Bytes out, directory;
  for (const Member& m : members) {
    const Bytes packed = m.deflated ? compressed(m.data, -15) : m.data;
    Bytes common;
    little(common, 20, 2);
    little(common, m.encrypted ? 1 : 0, 2);
    little(common, m.deflated ? 8 : 0, 2);
    little(common, 0, 4);  // time, date
    little(common, m.crc.value_or(crc_of(m.data)), 4);
    little(common, packed.size(), 4);
    little(common, m.size.value_or(static_cast<std::uint32_t>(m.data.size())), 4);
    little(common, m.name.size(), 2);
    little(common, 0, 2);  // extra
    little(directory, 0x02014b50, 4);
    little(directory, 20, 2);
    directory.insert(directory.end(), common.begin(), common.end());
    little(directory, 0, 2 + 2 + 2 + 4);  // comment, disk, attributes
    little(directory, out.size(), 4);
    directory.insert(directory.end(), m.name.begin(), m.name.end());
    little(out, 0x04034b50, 4);
    out.insert(out.end(), common.begin(), common.end());
    out.insert(out.end(), m.name.begin(), m.name.end());
    out.insert(out.end(), packed.begin(), packed.end());
  }
  const std::size_t start = out.size(), size = directory.size(), n = members.size();
  out.insert(out.end(), directory.begin(), directory.end());
  if (n > 65535) {  // zip64: its own end record and a locator
    const std::size_t end64 = out.size();
    little(out, 0x06064b50, 4);
    little(out, 44, 8);
    little(out, 45, 2);
    little(out, 45, 2);
    little(out, 0, 8);
    little(out, n, 8);
    little(out, n, 8);
    little(out, size, 8);
    little(out, start, 8);
    little(out, 0x07064b50, 4);
    little(out, 0, 4);
    little(out, end64, 8);
    little(out, 1, 4);
  }
  little(out, 0x06054b50, 4);
  little(out, 0, 4);
  little(out, std::min<std::size_t>(n, 65535), 2);
  little(out, std::min<std::size_t>(n, 65535), 2);
  little(out, size, 4);
  little(out, start, 4);
  little(out, 0, 2);
  return out;
}

Bytes png(int width, int height, const PngKind& kind, const std::vector<std::uint16_t>& samples) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, std::size_t n) {
        auto* bytes = static_cast<Bytes*>(png_get_io_ptr(p));
        bytes->insert(bytes->end(), data, data + n);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               kind.depth, kind.colour_type,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (kind.colour_type == 3) {  // entry i: grey from dark to light, but entry 1 red
    const int n = 1 << kind.depth;
    std::vector<png_color> palette(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) {
      const auto v = static_cast<png_byte>(i * 255 / (n - 1));
      palette[static_cast<std::size_t>(i)] = i == 1 ? png_color{255, 0, 0} : png_color{v, v, v};
    }
    png_set_PLTE(png, info, palette.data(), n);
  }
  constexpr int filters[] = {PNG_FILTER_NONE, PNG_FILTER_SUB, PNG_FILTER_UP, PNG_FILTER_AVG,
                             PNG_FILTER_PAETH};
  png_set_filter(png, 0, filters[kind.filter]);
  png_write_info(png, info);
  const std::size_t channels = kind.colour_type == 2   ? 3
                               : kind.colour_type == 4 ? 2
                               : kind.colour_type == 6 ? 4
                                                       : 1;
  const std::size_t row = static_cast<std::size_t>(width) * channels;
  std::vector<Bytes> rows(static_cast<std::size_t>(height));
  std::vector<png_bytep> pointers;
  for (std::size_t y = 0; y < rows.size(); ++y) {
    rows[y].assign((row * static_cast<std::size_t>(kind.depth) + 7) / 8, 0);
    for (std::size_t x = 0; x < row; ++x) {
      const unsigned v = samples[y * row + x];
      if (kind.depth == 16) {
        rows[y][2 * x] = static_cast<std::uint8_t>(v >> 8);
        rows[y][2 * x + 1] = static_cast<std::uint8_t>(v);
      } else {
        const std::size_t bit = x * static_cast<std::size_t>(kind.depth);
        rows[y][bit / 8] = static_cast<std::uint8_t>(
            rows[y][bit / 8] | (v << (8 - static_cast<std::size_t>(kind.depth) - bit % 8)));
      }
    }
    pointers.push_back(rows[y].data());
  }
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

Bytes plain_png(int side, std::uint8_t brightness) {
  metatape::tasks::Image image{
      side, side, 1,
      Bytes(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), brightness)};
  if (side > 1)
    image.bytes[static_cast<std::size_t>(side) + 1] = static_cast<std::uint8_t>(255 - brightness);
  return metatape::tasks::encode_png(image);
}

Bytes chunk(const std::string& type, const Bytes& data) {
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  Bytes out;
  big(out, static_cast<std::uint32_t>(data.size()));
  out.insert(out.end(), body.begin(), body.end());
  big(out, crc_of(body));
  return out;
}

Bytes png_start(std::uint32_t width, std::uint32_t height, int depth, int colour_type) {
  Bytes header;
  big(header, width);
  big(header, height);
  for (const int b : {depth, colour_type, 0, 0, 0}) header.push_back(static_cast<std::uint8_t>(b));
  return Bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'} + chunk("IHDR", header);
}

Bytes deflated(const Bytes& data) { return compressed(data, 15); }
Bytes gzipped(const Bytes& data) { return compressed(data, 15 + 16); }

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes idx(const std::vector<std::uint32_t>& extents, const Bytes& data, int type) {
  Bytes out{0, 0, static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t e : extents) big(out, e);
  return out + data;
}

std::string real_data(const std::string& name) {
  const char* said = std::getenv("METATAPE_TEST_DATA");
  std::vector<fs::path> roots;
  if (said && *said) roots.emplace_back(said);
  // The project's root is the folder that holds tasks/; tests may run from anywhere below it.
  std::error_code ignored;
  for (fs::path at = fs::path(__FILE__).parent_path(); at.has_relative_path();
       at = at.parent_path())
    if (fs::exists(at / "tasks" / "meson.build", ignored))
      roots.push_back(at.parent_path() / "shared" / "data");
  for (fs::path at = fs::current_path(ignored); at.has_relative_path(); at = at.parent_path())
    roots.push_back(at.parent_path() / "shared" / "data");
  for (const fs::path& root : roots)
    if (fs::exists(root / name, ignored)) return (root / name).string();
  std::printf("SKIPPED: %s is not there (set METATAPE_TEST_DATA)\n", name.c_str());
  return "";
}

}  // namespace scratch
