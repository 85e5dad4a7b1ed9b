// png_test.cpp: every kind of PNG is read right, every broken one refused by one line.
#include <cstring>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/image.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using namespace metatape::tasks;
using scratch::Bytes;
using scratch::chunk;
using scratch::operator+;

namespace {

constexpr int width = 13, height = 7;

/// Samples that differ in every place and use the whole range of `depth` bits.
std::vector<std::uint16_t> samples(int channels, int depth) {
  std::vector<std::uint16_t> out;
  const unsigned top = (1u << depth) - 1;
  for (unsigned i = 0; i < static_cast<unsigned>(width * height * channels); ++i)
    out.push_back(static_cast<std::uint16_t>((i * 40503u + i * i) % (top + 1)));
  return out;
}

/// What a sample of a grey or palette image should become.
std::vector<int> brightness(const scratch::PngKind& kind, unsigned v) {
  const unsigned top = (1u << kind.depth) - 1;
  if (kind.colour_type == 3) {
    if (v == 1) return {255, 0, 0};
    const int grey = static_cast<int>(v * 255 / top);
    return {grey, grey, grey};
  }
  const int grey = kind.depth == 16 ? static_cast<int>((v * 255u + 32767u) / 65535u)
                                    : static_cast<int>(v * 255 / top);
  return {grey, grey, grey};
}

int over_white(int value, int alpha) { return (value * alpha + 255 * (255 - alpha) + 127) / 255; }

void check_kind(const scratch::PngKind& kind) {
  const int channels = kind.colour_type == 2   ? 3
                       : kind.colour_type == 4 ? 2
                       : kind.colour_type == 6 ? 4
                                               : 1;
  const auto s = samples(channels, kind.depth);
  const Image image = decode_png(scratch::png(width, height, kind, s), "x.png");
  REQUIRE(image.height == height);
  REQUIRE(image.width == width);
  for (std::size_t i = 0; i < static_cast<std::size_t>(width * height); ++i) {
    const std::size_t n = static_cast<std::size_t>(channels);
    std::vector<int> want = brightness(kind, s[i * n]);
    scratch::PngKind grey = kind;
    grey.colour_type = 0;
    if (channels >= 3)
      want = {brightness(grey, s[i * n])[0], brightness(grey, s[i * n + 1])[0],
              brightness(grey, s[i * n + 2])[0]};
    if (channels % 2 == 0)
      for (int& v : want) v = over_white(v, brightness(grey, s[i * n + n - 1])[0]);
    for (std::size_t c = 0; c < static_cast<std::size_t>(image.channels); ++c)
      REQUIRE(image.bytes[i * static_cast<std::size_t>(image.channels) + c] == want[c]);
  }
}

Bytes one_bit_rows() { return scratch::deflated(Bytes(8 * 2, 0)); }  // 8 rows: filter and 8 bits

const std::string refused = "x.png: broken PNG: ";

}  // namespace

TEST_CASE("png: every colour type, depth, interlacing and filter is read right") {
  for (const auto& [type, depths] : std::vector<std::pair<int, std::vector<int>>>{
           {0, {1, 2, 4, 8, 16}}, {2, {8, 16}}, {3, {1, 2, 4, 8}}, {4, {8, 16}}, {6, {8, 16}}})
    for (const int depth : depths)
      for (const bool interlaced : {false, true})
        for (int filter = 0; filter < 5; ++filter) {
          CAPTURE(type, depth, interlaced, filter);
          check_kind({type, depth, interlaced, filter});
        }
}

TEST_CASE("png: a palette's transparent entry lies on white paper") {
  // two entries: black, opaque; black, transparent
  const Bytes file = scratch::png_start(8, 8, 1, 3) + chunk("PLTE", {0, 0, 0, 0, 0, 0}) +
                     chunk("tRNS", {255, 0}) +
                     chunk("IDAT", scratch::deflated({0, 0x0f, 0, 0x0f, 0, 0x0f, 0, 0x0f, 0, 0x0f,
                                                      0, 0x0f, 0, 0x0f, 0, 0x0f})) +
                     chunk("IEND", {});
  const Image image = decode_png(file, "x.png");
  CHECK(image.channels == 1);
  CHECK(image.bytes[3] == 0);
  CHECK(image.bytes[4] == 255);
}

TEST_CASE("png: unknown and text chunks are skipped, text bombs unread") {
  const Bytes bomb = Bytes{'k', 0, 0} + scratch::deflated(Bytes(50'000'000, 'a'));
  const Bytes file = scratch::png_start(8, 8, 1) + chunk("tIME", {7, 223, 10, 20, 20, 44, 1}) +
                     chunk("zTXt", bomb) + chunk("xyZw", {1, 2, 3}) +
                     chunk("IDAT", one_bit_rows()) + chunk("IEND", {});
  CHECK(decode_png(file, "x.png").bytes == Bytes(64, 0));
}

TEST_CASE("png: broken files are refused by one line") {
  const Bytes good = scratch::plain_png(20);
  const auto refuse = [](const Bytes& file) { decode_png(file, "x.png"); };
  CHECK_THROWS_WITH(refuse({}), "x.png: empty file, a PNG expected");
  CHECK_THROWS_WITH(refuse({0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F'}),
                    "x.png: not a PNG but a JPEG (by its first bytes)");
  CHECK_THROWS_WITH(refuse({'G', 'I', 'F', '8', '9', 'a'}),
                    "x.png: not a PNG but a GIF (by its first bytes)");
  CHECK_THROWS_WITH(refuse({'h', 'e', 'l', 'l', 'o'}), "x.png: not a PNG (by its first bytes)");
  CHECK_THROWS_WITH(refuse({0x89, 'P', 'N'}), "x.png: not a PNG, cut short (by its first bytes)");
  CHECK_THROWS_WITH(refuse(Bytes(good.begin(), good.begin() + 20)),
                    "x.png: broken PNG: no whole header (IHDR)");
  CHECK_THROWS_WITH(refuse(scratch::png_start(1, 0x80000000u)),
                    "x.png: 1 x 2147483648 pixels (width x height); 1 x 1 to 1024 x 1024 are read");
  CHECK_THROWS_WITH(refuse(scratch::png_start(0, 5)),
                    "x.png: 0 x 5 pixels (width x height); 1 x 1 to 1024 x 1024 are read");
  CHECK_THROWS_WITH(refuse(scratch::png_start(1025, 5)),
                    "x.png: 1025 x 5 pixels (width x height); 1 x 1 to 1024 x 1024 are read");

  // 46 bytes that ask for petabytes: 2^31-1 squared, 16-bit colour with alpha
  const Bytes petabytes = scratch::png_start(0x7fffffffu, 0x7fffffffu, 16, 6) + chunk("IEND", {});
  CHECK_THROWS_WITH(refuse(petabytes),
                    "x.png: 2147483647 x 2147483647 pixels (width x height); "
                    "1 x 1 to 1024 x 1024 are read");

  Bytes crc = good;
  crc[crc.size() - 14] ^= 1;  // in IDAT's CRC, before IEND's 12 bytes
  CHECK_THROWS_WITH(refuse(crc), refused + "IDAT: CRC error");
  Bytes header_crc = good;
  header_crc[30] ^= 1;
  CHECK_THROWS_WITH(refuse(header_crc), refused + "IHDR: CRC error");
  CHECK_THROWS_WITH(refuse(Bytes(good.begin(), good.begin() + 45)), refused + "cut short");
  CHECK_THROWS_WITH(refuse(Bytes(good.begin(), good.end() - 12)), refused + "cut short");
  const Bytes no_data = scratch::png_start(8, 8, 1) + chunk("IEND", {});
  CHECK_THROWS_AS(refuse(no_data), DataError);
  const Bytes few_rows = scratch::png_start(8, 8, 1) +
                         chunk("IDAT", scratch::deflated(Bytes(4, 0))) + chunk("IEND", {});
  CHECK_THROWS_AS(refuse(few_rows), DataError);
  const Bytes bad_depth = scratch::png_start(8, 8, 3) + chunk("IDAT", one_bit_rows());
  CHECK_THROWS_AS(refuse(bad_depth), DataError);
  const Bytes bad_filter =
      scratch::png_start(8, 1, 1) + chunk("IDAT", scratch::deflated({9, 0})) + chunk("IEND", {});
  CHECK_THROWS_AS(refuse(bad_filter), DataError);
}

TEST_CASE("png: cut at any byte it is refused, never read wrong") {
  const Bytes good = scratch::plain_png(20);
  for (std::size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    REQUIRE_THROWS_AS(decode_png(std::span(good).first(n), "x.png"), DataError);
  }
}

TEST_CASE("png: any byte changed gives an error or the same picture") {
  const Bytes good = scratch::plain_png(20);
  const Image want = decode_png(good, "x.png");
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] = static_cast<std::uint8_t>(bad[i] ^ 0x55);
    bool right = false;
    try {
      right = decode_png(bad, "x.png") == want;
    } catch (const DataError& error) {
      right = std::strncmp(error.what(), "x.png: ", 7) == 0;
    }
    CAPTURE(i);
    REQUIRE(right);
  }
}

TEST_CASE("png: what is written is read again") {
  Image image{3, 5, 3, Bytes(45)};
  for (std::size_t i = 0; i < 45; ++i) image.bytes[i] = static_cast<std::uint8_t>(i * 5);
  CHECK(decode_png(encode_png(image), "x.png") == image);
  image = {5, 3, 1, Bytes(15, 7)};
  CHECK(decode_png(encode_png(image), "x.png") == image);
  image.bytes.pop_back();
  CHECK_THROWS_WITH(encode_png(image),
                    "encode_png: 14 bytes for 5 x 3 x 1 (height, width, channels)");
}

TEST_CASE("png: a file's trouble is said with its path") {
  const scratch::Folder folder;
  CHECK_THROWS_WITH(read_png(folder / "none.png"), (folder / "none.png") + ": no such file");
  CHECK_THROWS_WITH(read_png(folder.path()),
                    folder.path().string() + ": a folder where a file is expected");
}
