// render_test.cpp: plain renders are exact; distorted ones move ink where the map says.
#include <cmath>
#include <numeric>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/images/render.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// A set of one image: a disc of ink of radius `radius` at (row, column).
std::shared_ptr<const ImageSet> disc(double row, double column, double radius) {
  Image image{105, 105, 1, std::vector<std::uint8_t>(105 * 105)};
  for (int y = 0; y < 105; ++y)
    for (int x = 0; x < 105; ++x)
      if (std::hypot(y - row, x - column) < radius)
        image.bytes[static_cast<std::size_t>(y * 105 + x)] = 255;
  ImageSetBuilder builder;
  builder.add("", "disc", "", image);
  return builder.finish("disc", Ink::light);
}

struct Ink2 {
  double sum = 0, row = 0, column = 0;
};

Ink2 ink(const std::vector<float>& render) {
  Ink2 m;
  for (int y = 0; y < 28; ++y)
    for (int x = 0; x < 28; ++x) {
      const double v = render[static_cast<std::size_t>(y * 28 + x)];
      m.sum += v;
      m.row += v * y;
      m.column += v * x;
    }
  m.row /= m.sum;
  m.column /= m.sum;
  return m;
}

std::vector<float> plain(const Renderer& r, int turns = 0) {
  std::vector<float> out(r.floats());
  r.plain(0, turns, out);
  return out;
}

std::vector<float> warped(const Renderer& r, const Affine& map, int turns = 0) {
  std::vector<float> out(r.floats());
  r.warped(0, turns, map, out);
  return out;
}

double place(double pixel) { return (pixel + 0.5) * 28 / 105 - 0.5; }  // of 105, in the render

}  // namespace

TEST_CASE("render: plain ones keep mean and place; turned before or after is the same") {
  const auto set = disc(30, 70, 12);
  const Renderer renderer(set);
  const Ink2 at = ink(plain(renderer));
  const Image image = set->image(0);
  const double mean =
      std::accumulate(image.bytes.begin(), image.bytes.end(), 0.0) / 255 / (105 * 105);
  CHECK(at.sum / (28 * 28) == Approx(mean).epsilon(1e-6));
  CHECK(at.row == Approx(place(30)).margin(0.01));
  CHECK(at.column == Approx(place(70)).margin(0.01));
  for (int turns = 0; turns < 4; ++turns) {
    ImageSetBuilder builder;
    builder.add("", "disc", "", turned(image, turns));
    CHECK(plain(Renderer(builder.finish("turned", Ink::light))) == plain(renderer, turns));
  }
}

TEST_CASE("render: centred ones have their ink in the middle, turned or not") {
  const Renderer renderer(disc(30, 70, 12), {.size = 28, .centre = true});
  for (int turns = 0; turns < 4; ++turns) {
    const Ink2 exact = ink(plain(renderer, turns)), sampled = ink(warped(renderer, {}, turns));
    CHECK(exact.row == Approx(13.5).margin(0.14));  // whole pixels at 105: half of one at most
    CHECK(exact.column == Approx(13.5).margin(0.14));
    CHECK(sampled.row == Approx(13.5).margin(0.02));
    CHECK(sampled.column == Approx(13.5).margin(0.02));
  }
}

TEST_CASE("render: a distorted render without distortion is nearly the plain one, any turn") {
  const Renderer renderer(disc(30, 70, 12));
  for (int turns = 0; turns < 4; ++turns) {
    const Ink2 a = ink(plain(renderer, turns)), b = ink(warped(renderer, {}, turns));
    CHECK(b.sum == Approx(a.sum).epsilon(0.01));
    CHECK(b.row == Approx(a.row).margin(0.05));
    CHECK(b.column == Approx(a.column).margin(0.05));
  }
}

TEST_CASE("render: shifts, scales and rotations go where they say") {
  const Renderer renderer(disc(52, 70, 12));
  const Ink2 from = ink(plain(renderer));
  Affine shift;
  shift.shift[0] = 2;
  shift.shift[1] = -1.5f;
  const Ink2 moved = ink(warped(renderer, shift));
  CHECK(moved.row == Approx(from.row + 2).margin(0.05));
  CHECK(moved.column == Approx(from.column - 1.5).margin(0.05));

  Affine half;  // the output looks half as far: ink twice as large
  half.matrix[0][0] = half.matrix[1][1] = 0.5f;
  const Renderer middle(disc(52, 54, 12));
  CHECK(ink(warped(middle, half)).sum == Approx(4 * ink(plain(middle)).sum).epsilon(0.02));

  const float c = std::cos(0.5f), s = std::sin(0.5f);
  const Affine turn{{{c, -s}, {s, c}}, {0, 0}};
  const Ink2 t = ink(warped(renderer, turn));
  // output = M^T (image position): the disc at (0, d) comes to (s d, c d)
  const double d = from.column - 13.5;
  CHECK(t.row == Approx(13.5 + std::sin(0.5) * d).margin(0.1));
  CHECK(t.column == Approx(13.5 + std::cos(0.5) * d).margin(0.1));
}

TEST_CASE("render: ink beyond the frame is lost and nothing wild is read") {
  const Renderer renderer(disc(52, 52, 60));
  for (const float far : {1e3f, -1e3f, 1e7f}) {
    Affine away;
    away.shift[0] = far;
    const auto out = warped(renderer, away);
    CHECK(*std::max_element(out.begin(), out.end()) <= 0.01f);
  }
}

TEST_CASE("render: composing maps is applying one after the other") {
  Random random(Key(3));
  const Affine a = random_affine(random, {}), b = random_affine(random, {});
  const Affine both = compose(a, b);
  const auto apply = [](const Affine& m, double r, double c) {
    r -= m.shift[0];
    c -= m.shift[1];
    return std::pair{m.matrix[0][0] * r + m.matrix[0][1] * c,
                     m.matrix[1][0] * r + m.matrix[1][1] * c};
  };
  for (const auto& [r, c] : {std::pair{0.0, 0.0}, {3.0, -7.0}, {-11.0, 2.5}}) {
    const auto [r1, c1] = apply(a, r, c);
    const auto [r2, c2] = apply(b, r1, c1);
    const auto [r3, c3] = apply(both, r, c);
    CHECK(r3 == Approx(r2).margin(1e-5));
    CHECK(c3 == Approx(c2).margin(1e-5));
  }
}

TEST_CASE("render: random maps keep to their ranges") {
  Random random(Key(4));
  double farthest = 0, steepest = 0;
  for (int i = 0; i < 2000; ++i) {
    const Affine a = random_affine(random, {});
    farthest = std::max<double>(farthest, std::abs(a.shift[0]));
    const double determinant = a.matrix[0][0] * a.matrix[1][1] - a.matrix[0][1] * a.matrix[1][0];
    REQUIRE(std::abs(std::log(determinant)) < 0.3001);
    steepest = std::max<double>(steepest, std::abs(std::atan2(-a.matrix[0][1], a.matrix[1][1])));
  }
  CHECK(farthest <= 1.5);
  CHECK(farthest > 1.49);
  CHECK(steepest < 15.001 * 3.14159265 / 180);
  CHECK(steepest > 14.9 * 3.14159265 / 180);
  const auto views = fixed_views(8, Key(1));
  REQUIRE(views.size() == 8);
  CHECK(views[0].matrix[0][0] == 1);
  CHECK(views[1].matrix[0][0] == fixed_views(3, Key(1))[1].matrix[0][0]);
}

TEST_CASE("render: prepared or not, on any number of threads, the same bits") {
  ImageSetBuilder builder;
  for (int i = 0; i < 600; ++i) builder.add("", "a", "", disc(20 + i % 60, 40, 9)->image(0));
  const auto set = builder.finish("discs", Ink::light);
  std::vector<int> all(600);
  std::iota(all.begin(), all.end(), 0);
  Threads threads(3);
  Renderer alone(set), one(set), three(set);
  one.prepare(all);
  three.prepare(all, &threads);
  Random random(Key(9));
  for (const int i : {0, 255, 256, 599}) {
    const Affine map = random_affine(random, {});
    std::vector<float> a(alone.floats()), b(a), c(a);
    alone.warped(i, 1, map, a);
    one.warped(i, 1, map, b);
    three.warped(i, 1, map, c);
    CHECK(a == b);
    CHECK(a == c);
  }
}

TEST_CASE("render: many at once, as a tensor") {
  const Renderer renderer(disc(30, 70, 12));
  const Tensor images = renderer.images(std::vector<int>{0, 0});
  CHECK(images.shape() == Shape{2, 28, 28, 1});
  CHECK(images.values<float>()[784 + 300] == plain(renderer)[300]);
  CHECK_THROWS_WITH(Renderer(disc(1, 1, 1), {.size = 0, .centre = false}),
                    "render: size 0; 1 to 1024 expected");
}
