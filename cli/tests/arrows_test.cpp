// arrows_test.cpp: gradients over a plane as arrows of a picture.
#include "gradients/arrows.hpp"

#include <cmath>
#include <limits>

#include "support/catch.hpp"

using namespace metatape::cli;

namespace {

// 4 x 3 points of 3 a² + b, a in equal factors from 1 to 8, b from 4 down to 0.
const Axis a = parse_axis("a=1:8:log:4"), b = parse_axis("b=4:0:3");

std::vector<double> losses() {
  std::vector<double> all;
  for (const double y : b.values())
    for (const double x : a.values()) all.push_back(3 * x * x + y);
  return all;
}

PlaneSlopes slopes(double sign) {
  PlaneSlopes s{.name = "exact", .points = {1, 6}};
  for (const std::size_t i : s.points) {
    s.along.push_back(sign * 6 * a.values()[i % 4]);
    s.across.push_back(sign);
  }
  return s;
}

}  // namespace

TEST_CASE("arrows: downhill in the picture, of one length, rows from the top") {
  const Arrows arrows = arrows_of(slopes(1), a, b, 2);
  CHECK(arrows.name == "exact");
  CHECK(arrows.column == std::vector<double>{1, 2});
  CHECK(arrows.row == std::vector<double>{2, 1});
  for (std::size_t k = 0; k < 2; ++k) {
    const double value = k == 0 ? 2 : 4;
    // d/d(ln a) ln 8, and the second axis runs from 4 to 0
    const double x = 6 * value * value * std::log(8.0), y = -4;
    CHECK(arrows.right[k] / 4 == Approx(-0.4 * x / std::hypot(x, y)));
    CHECK(arrows.down[k] / 3 == Approx(0.4 * y / std::hypot(x, y)));
  }
}

TEST_CASE("arrows: none where there is no gradient, short ones where there are many") {
  PlaneSlopes s{.name = "s", .points = {0, 1, 2}, .along = {0, NAN, 1}, .across = {0, 1, 0}};
  const Arrows arrows = arrows_of(s, a, b, 100);
  CHECK(arrows.column == std::vector<double>{2});
  CHECK(arrows.right[0] == Approx(-0.8));  // of 4 columns, 4 arrows
}

TEST_CASE("arrows: whether they go down the map") {
  std::vector<double> loss = losses();
  CHECK(downhill_share(slopes(1), a, b, loss) == 1);
  CHECK(downhill_share(slopes(-1), a, b, loss) == 0);
  PlaneSlopes mixed = slopes(1);
  mixed.along[0] = -mixed.along[0];
  CHECK(downhill_share(mixed, a, b, loss) == 0.5);
  mixed.along[0] = NAN;  // not judged
  CHECK(downhill_share(mixed, a, b, loss) == 1);
  mixed.along[0] = mixed.across[0] = 0;  // a gradient that sees nothing is not right
  CHECK(downhill_share(mixed, a, b, loss) == 0.5);
  loss[7] = std::numeric_limits<double>::infinity();
  CHECK(downhill_share(mixed, a, b, loss) == 0);
  CHECK(std::isnan(downhill_share({}, a, b, loss)));
}
