// baselines_test.cpp: pixel neighbours and the modified Hausdorff distance against their
// definitions.
#include <cmath>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"
#include "metatape/tasks/episodes/pixels.hpp"
#include "metatape/tasks/images/strokes.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// The definition, by all pairs of points.
double by_definition(const Image& a, const Image& b) {
  struct Point {
    double row, column;
  };
  const auto points = [](const Image& image) {
    std::vector<Point> out;
    Point mean{0, 0};
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x)
        if (image.bytes[static_cast<std::size_t>(y * image.width + x)] > 127) {
          out.push_back({static_cast<double>(y), static_cast<double>(x)});
          mean.row += y;
          mean.column += x;
        }
    for (Point& p : out) {
      p.row -= mean.row / static_cast<double>(out.size());
      p.column -= mean.column / static_cast<double>(out.size());
    }
    return out;
  };
  const auto directed = [](const std::vector<Point>& from, const std::vector<Point>& to) {
    double sum = 0;
    for (const Point& p : from) {
      double best = std::numeric_limits<double>::infinity();
      for (const Point& q : to)
        best = std::min(best, std::hypot(p.row - q.row, p.column - q.column));
      sum += best;
    }
    return sum / static_cast<double>(from.size());
  };
  const auto p = points(a), q = points(b);
  return std::max(directed(p, q), directed(q, p));
}

Image dots(int side, const std::vector<std::pair<int, int>>& places) {
  Image image{side, side, 1, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side))};
  for (const auto& [row, column] : places)
    image.bytes[static_cast<std::size_t>(row * side + column)] = 255;
  return image;
}

}  // namespace

TEST_CASE("hausdorff: the bounded search gives the definition's distance") {
  const GeneratedAlphabet alphabet(5, 0);
  std::vector<Image> images;
  for (int i = 0; i < 5; ++i) images.push_back(alphabet.draw(i, i));
  images.push_back(dots(30, {{0, 0}}));
  images.push_back(dots(9, {{0, 0}, {8, 8}, {8, 7}}));
  images.push_back(dots(105, {{0, 104}, {104, 0}}));
  for (const Image& a : images)
    for (const Image& b : images)
      CHECK(modified_hausdorff(InkShape(a), InkShape(b)) ==
            Approx(by_definition(a, b)).epsilon(1e-12).margin(1e-12));
}

TEST_CASE("hausdorff: without ink") {
  const InkShape none(dots(5, {})), one(dots(5, {{1, 1}}));
  CHECK(modified_hausdorff(none, none) == 0);
  CHECK(std::isinf(modified_hausdorff(none, one)));
  CHECK(std::isinf(modified_hausdorff(one, none)));
}

TEST_CASE("hausdorff: answers are the nearest, the first of equals, on any threads") {
  const GeneratedAlphabet alphabet(5, 1);
  std::vector<InkShape> training, queries;
  for (int c = 0; c < 8; ++c) {
    training.emplace_back(alphabet.draw(c, 0));
    queries.emplace_back(alphabet.draw(c, 0));
  }
  training.emplace_back(alphabet.draw(3, 0));
  Threads threads(3);
  const std::vector<int> want = {0, 1, 2, 3, 4, 5, 6, 7};
  CHECK(nearest_shapes(training, queries) == want);
  CHECK(nearest_shapes(training, queries, &threads) == want);
}

TEST_CASE("hausdorff: an episode's turns are respected") {
  const auto set = generate_strokes({.alphabets = 2, .drawers = 4, .seed = 3});
  EpisodePlan plan;
  plan.classes = {0, 1, 2};
  plan.turns = {1, 2, 3};
  plan.support = {0, 1, 4, 5, 8, 9};
  plan.query = {0, 4, 9};
  CHECK(hausdorff_answers(*set, plan) == std::vector<int>{0, 1, 2});
}

TEST_CASE("pixels: the label of the nearest support row, the first of equals") {
  const Tensor support({5, 2}, {0, 0, 1, 1, 5, 5, 1, 1, 9, 0});
  const Indices labels({7, 3, 1, 2, 0});
  CHECK(nearest_pixels(support, labels,
                       Tensor({4, 2}, {1.0f, 1.0f, 9.0f, 1.0f, 0.1f, 0.2f, 4.0f, 4.0f})) ==
        std::vector<int>{3, 0, 7, 1});
  CHECK_THROWS_WITH(nearest_pixels(support, labels, Tensor({1, 3}, {1, 2, 3})),
                    "nearest_pixels: support [5, 2], labels [5], query [1, 3]: rows differ");
  CHECK_THROWS_WITH(nearest_pixels(support, Indices({1}), support),
                    "nearest_pixels: support [5, 2], labels [1], query [5, 2]: rows differ");
}

TEST_CASE("pixels: a planned episode gives what its tensors give, turned or not") {
  const auto set = generate_strokes({.alphabets = 3, .drawers = 20, .seed = 1});
  const Split all = split(set).all;
  for (const bool centre : {false, true})
    for (const Rotations rotations : {Rotations::none, Rotations::drawn}) {
      const EpisodeSampler sampler(
          all, {.way = 7, .shot = 3, .query = 5, .rotations = rotations, .centre = centre}, Key(2));
      const PixelNeighbours neighbours(all, {.size = 28, .centre = centre});
      for (std::uint64_t e = 0; e < 5; ++e) {
        const Episode episode = sampler.episode(e);
        const auto answers = neighbours.answers(episode.plan);
        CHECK(answers == nearest_pixels(episode.support, episode.support_labels, episode.query));
        CHECK(neighbours.accuracy(episode.plan) == share_right(answers, 7));
      }
    }
  CHECK_THROWS_WITH(PixelNeighbours(split(set).test, {}).pixels(0),
                    "pixel neighbours: image 0 is not of their split");
}

TEST_CASE("pixels: the share of right answers") {
  CHECK(share_right({0, 0, 1, 0, 2, 2}, 3) == Approx(5.0 / 6));
}
