// image_test.cpp: area averages, centring, turns, squares, and what an ImageSet keeps.
#include <numeric>

#include "metatape/tasks/images/image.hpp"
#include "metatape/tasks/images/image_set.hpp"
#include "support/catch.hpp"

using namespace metatape::tasks;
using Bytes = std::vector<std::uint8_t>;

namespace {

Image noise(int height, int width, int channels, unsigned seed) {
  Image image{height, width, channels, Bytes(static_cast<std::size_t>(height * width * channels))};
  for (auto& b : image.bytes)
    b = static_cast<std::uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
  return image;
}

/// The definition: the integral over the output pixel.
double area(const Image& image, int size, int row, int column, int channel) {
  const double step = static_cast<double>(image.height) / size;
  double sum = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const double tall = std::min(y + 1.0, (row + 1) * step) - std::max<double>(y, row * step);
      const double wide =
          std::min(x + 1.0, (column + 1) * step) - std::max<double>(x, column * step);
      if (tall > 0 && wide > 0)
        sum +=
            tall * wide *
            image.bytes[static_cast<std::size_t>((y * image.width + x) * image.channels + channel)];
    }
  return sum / (step * step * 255);
}

}  // namespace

TEST_CASE("area average: is the integral over each output pixel, for any sizes") {
  for (const auto& [from, to] : {std::pair{105, 28},
                                 {105, 53},
                                 {28, 28},
                                 {32, 28},
                                 {20, 28},
                                 {1, 3},
                                 {7, 1},
                                 {100, 99},
                                 {2, 5}})
    for (const int channels : {1, 3}) {
      CAPTURE(from, to, channels);
      const Image image = noise(from, from, channels, 5);
      std::vector<float> out(static_cast<std::size_t>(to * to * channels));
      AreaAverage(from, to)(image.bytes, channels, out);
      double worst = 0;
      for (int y = 0; y<to; y += to> 20 ? 9 : 1)
        for (int x = 0; x<to; x += to> 20 ? 5 : 1)
          for (int c = 0; c < channels; ++c)
            worst = std::max(worst,
                             std::abs(area(image, to, y, x, c) -
                                      out[static_cast<std::size_t>((y * to + x) * channels + c)]));
      CHECK(worst < 2e-7);
      const double mean =
          std::accumulate(out.begin(), out.end(), 0.0) / static_cast<double>(out.size());
      const double wanted = std::accumulate(image.bytes.begin(), image.bytes.end(), 0.0) / 255 /
                            static_cast<double>(image.bytes.size());
      CHECK(mean == Approx(wanted).epsilon(1e-6));
    }
}

TEST_CASE("centring: moves by whole pixels so that the centroid is nearest the middle") {
  Image image{7, 7, 1, Bytes(49)};
  image.bytes[1 * 7 + 0] = 255;
  image.bytes[1 * 7 + 1] = 255;
  image.bytes[2 * 7 + 1] = 255;
  const Centroid before = centroid(image);
  CHECK(before.row == Approx(4.0 / 3));
  CHECK(before.column == Approx(2.0 / 3));
  const Image out = centred(image);
  CHECK(out.bytes[3 * 7 + 2] == 255);
  CHECK(out.bytes[3 * 7 + 3] == 255);
  CHECK(out.bytes[4 * 7 + 3] == 255);
  CHECK(std::accumulate(out.bytes.begin(), out.bytes.end(), 0) == 3 * 255);
  CHECK(centred(out) == out);
  const Image blank{5, 5, 1, Bytes(25)};
  CHECK(centred(blank) == blank);
}

TEST_CASE("moving: what leaves the frame is lost") {
  const Image image = noise(5, 5, 3, 1);
  const Image out = moved(image, -2, 1);
  CHECK(out.bytes[(0 * 5 + 1) * 3 + 2] == image.bytes[(2 * 5 + 0) * 3 + 2]);
  CHECK(out.bytes[(0 * 5 + 0) * 3] == 0);
  CHECK(out.bytes[(4 * 5 + 4) * 3] == 0);
  CHECK(moved(image, 5, 0).bytes == Bytes(75));
  CHECK(moved(image, 0, -9).bytes == Bytes(75));
}

TEST_CASE("turns: counter-clockwise, four make none") {
  Image image{3, 3, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  CHECK(turned(image, 1).bytes == Bytes{3, 6, 9, 2, 5, 8, 1, 4, 7});
  CHECK(turned(image, -1) == turned(image, 3));
  CHECK(turned(turned(image, 1), 3) == image);
  CHECK(turned(image, 4) == image);
}

TEST_CASE("squares: the sides are filled with the border's mean") {
  const Image out = square({2, 4, 1, {10, 10, 10, 10, 20, 20, 20, 20}});
  CHECK(out.height == 4);
  CHECK(out.bytes == Bytes{15, 15, 15, 15, 10, 10, 10, 10, 20, 20, 20, 20, 15, 15, 15, 15});
}

TEST_CASE("image set: sorts groups, classes and images, and gives back what was put in") {
  ImageSetBuilder builder;
  const Image a = noise(9, 9, 1, 1), b = noise(12, 12, 1, 2);
  Image ink{11, 11, 1, Bytes(121, 0)};  // black and white: a bit a pixel
  for (std::size_t i = 0; i < 121; i += 3) ink.bytes[i] = 255;
  builder.add("Z", "one", "2.png", a);
  builder.add("A", "two", "1.png", b);
  builder.add("Z", "one", "1.png", ink);
  builder.add("A", "one", "1.png", a);
  const auto set = builder.finish("x", Ink::light);
  CHECK(set->groups() == std::vector<std::string>{"A", "Z"});
  REQUIRE(set->classes().size() == 3);
  CHECK(set->classes()[0].name == "A/one");
  CHECK(set->classes()[2].name == "Z/one");
  CHECK(set->classes()[2].first == 2);
  CHECK(set->classes()[2].count == 2);
  CHECK(set->image(1) == b);
  CHECK(set->image(2) == ink);
  CHECK(set->image(3) == a);
  CHECK(set->class_of(3) == 2);
}

TEST_CASE("image set: what is ink is found from the borders, or said") {
  Image drawing{8, 8, 1, Bytes(64, 250)};
  drawing.bytes[27] = 0;
  const auto read = [&](bool say_light) {
    ImageSetBuilder builder;
    builder.add("", "a", "", drawing);
    return say_light ? builder.finish("x", Ink::light)->image(0) : builder.finish("x")->image(0);
  };
  CHECK(read(false).bytes[27] == 255);
  CHECK(read(false).bytes[0] == 5);
  CHECK(read(true) == drawing);
}

TEST_CASE("image set: grey images among coloured ones get three channels; large ones shrink") {
  ImageSetBuilder builder;
  builder.add("", "a", "1", noise(4, 4, 1, 3));
  builder.add("", "a", "2", noise(4, 4, 3, 4));
  builder.add("", "a", "3", Image{300, 210, 1, Bytes(300 * 210, 77)});
  const auto set = builder.finish("x");
  CHECK(set->channels() == 3);
  const Image grey = set->image(0);
  CHECK(grey.bytes[3] == noise(4, 4, 1, 3).bytes[1]);
  CHECK(grey.bytes[5] == noise(4, 4, 1, 3).bytes[1]);
  CHECK(set->image(1) == noise(4, 4, 3, 4));
  CHECK(set->side(2) == 105);
  CHECK(set->image(2).bytes == Bytes(105 * 105 * 3, 77));
}
