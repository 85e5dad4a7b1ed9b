// drawing_test.cpp: paper and pen of drawings of any polarity, size and place.
#include "metatape/tasks/images/drawing.hpp"

#include <algorithm>

#include "metatape/tasks/images/image_set.hpp"
#include "metatape/tasks/images/render.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// A bar of `ink` on `paper`, in grey, or with these as red and the rest 0.
Image bar(int height, int width, int first, int thick, int paper, int ink, int channels = 1) {
  Image image{height, width, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const bool on = y >= first && y < first + thick && x >= width / 4 && x < width * 3 / 4;
      for (int c = 0; c < channels; ++c)
        image.bytes.push_back(static_cast<std::uint8_t>(on ? (c == 0 ? ink : 0) : paper));
    }
  return image;
}

Image noise(int side) {
  Image image{side, side, 1, {}};
  for (int i = 0; i < side * side; ++i)
    image.bytes.push_back(static_cast<std::uint8_t>(i * 89 % 251));
  return image;
}

int largest(const Image& image) { return *std::ranges::max_element(image.bytes); }

}  // namespace

TEST_CASE("the border tells paper, unless it is of many brightnesses") {
  CHECK(border_of(bar(20, 20, 8, 3, 240, 10)).plain);
  CHECK(border_of(bar(20, 20, 8, 3, 240, 10)).light());
  CHECK(border_of(bar(20, 20, 8, 3, 5, 250)).plain);
  CHECK_FALSE(border_of(bar(20, 20, 8, 3, 5, 250)).light());
  CHECK_FALSE(border_of(bar(20, 20, 8, 3, 128, 250)).plain);  // neither light nor dark
  CHECK_FALSE(border_of(noise(20)).plain);
  CHECK(border_of(Image{1, 1, 1, {0}}).pixels == 1);
  const std::uint8_t red[3] = {255, 0, 0}, white[3] = {255, 255, 255};
  CHECK(luminance(red) == 76);
  CHECK(luminance(white) == 255);
}

TEST_CASE("drawings of either polarity in one set are ink all the same") {
  ImageSetBuilder builder;
  builder.add("", "a", "1", bar(20, 20, 8, 3, 255, 0));
  builder.add("", "a", "2", bar(20, 20, 8, 3, 0, 255));
  const auto set = builder.finish("mixed");
  CHECK(set->image(0) == set->image(1));
  CHECK(set->image(0).bytes[0] == 0);
  // With one picture whose border is not plain, all follow the average of the borders.
  builder.add("", "a", "1", bar(20, 20, 8, 3, 255, 0));
  builder.add("", "a", "2", bar(20, 20, 8, 3, 0, 255));
  builder.add("", "a", "3", noise(20));
  const auto photographs = builder.finish("photographs");
  CHECK(photographs->image(0).bytes[0] != photographs->image(1).bytes[0]);
  // What is said holds for all.
  builder.add("", "a", "1", bar(20, 20, 8, 3, 255, 0));
  builder.add("", "a", "2", bar(20, 20, 8, 3, 0, 255));
  const auto said = builder.finish("said", Ink::dark);
  CHECK(said->image(0).bytes[0] == 0);
  CHECK(said->image(1).bytes[0] == 255);
}

TEST_CASE("colour as grey and grey as colour") {
  ImageSetBuilder builder;
  builder.add("", "a", "1", bar(20, 20, 8, 3, 255, 200, 3));  // red on white
  builder.add("", "a", "2", bar(20, 20, 8, 3, 255, 60));
  const auto set = builder.finish("colour");
  REQUIRE(set->channels() == 3);
  CHECK(set->image(0).bytes[0] == 255);  // colours are light unless said
  const auto grey = set->with_channels(1);
  CHECK(grey->channels() == 1);
  CHECK(grey->image(0).bytes[0] == 0);
  CHECK(largest(grey->image(0)) == 255 - 60);  // 0.299 · 200
  CHECK(grey->image(0) == grey->image(1));
  CHECK(Renderer(grey).images(std::vector<int>{0, 1}).shape() == Shape{2, 28, 28, 1});
  const auto back = grey->with_channels(3);
  CHECK(back->image(0) == set->image(0));
  CHECK_THROWS_WITH(set->with_channels(2), "colour: 2 channels asked for; 1 or 3 expected");
}

TEST_CASE("paper that is not quite white is made so, and nothing else is changed") {
  const Image dark = with_clean_paper(bar(20, 20, 8, 3, 250, 60));
  CHECK(dark == bar(20, 20, 8, 3, 255, 0));
  CHECK(with_clean_paper(bar(20, 20, 8, 3, 12, 200)) == bar(20, 20, 8, 3, 0, 255));
  Image noisy = bar(20, 20, 8, 3, 240, 40);
  noisy.bytes[0] = 255;
  noisy.bytes[25] = 225;
  CHECK(with_clean_paper(noisy) == bar(20, 20, 8, 3, 255, 0));
  noisy.bytes[25] = 140;  // half ink: an edge stays one
  CHECK(int{with_clean_paper(noisy).bytes[25]} == Approx(255 * 5.0 / 9).margin(1));
  const Image red = with_clean_paper(bar(20, 20, 8, 3, 250, 200, 3));
  CHECK(red == bar(20, 20, 8, 3, 255, 200, 3));
  for (const Image& same : {bar(20, 20, 8, 3, 255, 60), bar(20, 20, 8, 3, 0, 60), noise(20),
                            bar(20, 20, 8, 3, 128, 0), bar(20, 20, 8, 3, 250, 240)})
    CHECK(with_clean_paper(same) == same);
}

TEST_CASE("a drawing is cut out and laid in the middle of its paper") {
  const Image small = bar(200, 90, 150, 6, 250, 20);  // 6 high, 45 wide, far down
  const Image fit = fitted(small);
  CHECK(fit.height == 75);  // 45 / 0.6
  CHECK(fit.width == 75);
  CHECK(fit.bytes[0] == 250);
  int first = 75, last = -1;
  for (int y = 0; y < 75; ++y)
    if (fit.bytes[static_cast<std::size_t>(y * 75 + 37)] == 20) {
      first = std::min(first, y);
      last = std::max(last, y);
    }
  CHECK(first == 34);
  CHECK(last == 39);
  CHECK(fitted(noise(20)) == noise(20));
  const Image blank{5, 5, 1, std::vector<std::uint8_t>(25, 255)};
  CHECK(fitted(blank) == blank);
  CHECK(fitted(bar(200, 90, 150, 6, 250, 20, 3)).channels == 3);
}

TEST_CASE("a thin pen on a large sheet is still seen when it is averaged down") {
  // 2 pixels of 800 are a quarter of a pixel of 105; whatever the polarity and the colour.
  for (const int channels : {1, 3})
    for (const bool light : {true, false}) {
      const Image thin = bar(800, 800, 400, 2, light ? 255 : 0, light ? 0 : 255, channels);
      ImageSetBuilder builder;
      builder.add("", "a", "", thin);
      const auto set = builder.finish("thin", light ? Ink::dark : Ink::light);
      CHECK(set->side(0) == 105);
      CHECK(largest(set->image(0)) > 200);
      CHECK(with_visible_strokes(thin, 800) == thin);  // no larger than it is kept
    }
  const Image thick = bar(400, 400, 150, 60, 255, 0);
  CHECK(with_visible_strokes(thick, 105) == thick);
  CHECK(with_visible_strokes(noise(200), 105) == noise(200));
}
