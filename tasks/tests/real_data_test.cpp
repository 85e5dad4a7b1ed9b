// real_data_test.cpp: Omniglot, Lake's runs and MNIST as they are distributed, where they are at
// hand; and the baselines' measured figures on them.
#include <cmath>

#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"
#include "metatape/tasks/episodes/pixels.hpp"
#include "metatape/tasks/images/idx.hpp"
#include "metatape/tasks/images/readers.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

std::shared_ptr<const ImageSet> omniglot() {
  static const auto set = [] {
    const std::string path = scratch::real_data("omniglot/images_background.zip");
    return path.empty() ? nullptr : read_omniglot({path});
  }();
  return set;
}

}  // namespace

TEST_CASE("real Omniglot: counts, and the sums of ink") {
  const auto set = omniglot();
  if (!set) return;
  CHECK(set->images() == 19'280);
  CHECK(set->classes().size() == 964);
  CHECK(set->groups().size() == 30);
  CHECK(set->classes()[0].name == "Alphabet_of_the_Magi/character01");
  const Renderer renderer(set);
  std::vector<float> small(renderer.floats());
  std::int64_t total = 0, first = 0;
  double area = 0;
  Image image;
  for (int i = 0; i < set->images(); ++i) {
    set->image(i, image);
    std::int64_t ink = 0;
    for (const auto b : image.bytes) ink += b == 255 ? 1 : 0;
    total += ink;
    if (i == 0) first = ink;
    renderer.plain(i, 0, small);
    for (const float v : small) area += v;
  }
  CHECK(total == 16'567'007);
  CHECK(first == 905);
  CHECK(std::abs(area - 1'178'098.28) < 0.1);
}

TEST_CASE("real Omniglot: the official split by alphabets") {
  const auto set = omniglot();
  if (!set) return;
  const Splits s =
      split(set, {.test = "", .validation = "", .by = SplitBy::group, .omniglot = true});
  CHECK(s.test.groups() ==
        std::vector<std::string>{"N_Ko", "Ojibwe_(Canadian_Aboriginal_Syllabics)", "Sanskrit",
                                 "Syriac_(Estrangelo)", "Tagalog", "Tifinagh"});
  CHECK(s.test.classes.size() == 184);
  CHECK(s.validation.groups().size() == 3);
  CHECK(s.train.classes.size() + s.validation.classes.size() == 780);
}

TEST_CASE("real Omniglot: pixel neighbours agree with the measured table", "[long]") {
  const auto set = omniglot();
  if (!set) return;
  Threads threads(available_cores());
  const Splits s =
      split(set, {.test = "", .validation = "", .by = SplitBy::group, .omniglot = true});
  struct Row {
    const Split& split;
    bool centre;
    int way, shot;
    double within, measured, half_width;
  };
  const std::vector<Row> rows = {
      {s.all, false, 5, 1, 0, 43.9, 0.6},  {s.all, false, 5, 5, 0, 65.1, 0.6},
      {s.all, false, 20, 1, 0, 24.4, 0.3}, {s.all, false, 5, 1, 1, 40.6, 0.6},
      {s.test, false, 5, 1, 0, 44.5, 0.6}, {s.test, false, 20, 1, 0, 23.6, 0.3},
      {s.test, false, 5, 1, 1, 40.1, 0.6}, {s.test, false, 20, 1, 1, 18.5, 0.4},
      {s.all, true, 5, 1, 0, 69.0, 0.7},   {s.all, true, 20, 1, 0, 51.3, 0.4},
      {s.all, true, 20, 1, 1, 43.9, 0.5},
  };
  const PixelNeighbours raw(s.all, {.size = 28, .centre = false}, &threads);
  const PixelNeighbours centred(s.all, {.size = 28, .centre = true}, &threads);
  for (const Row& row : rows) {
    const EpisodeSampler sampler(
        row.split, {.way = row.way, .shot = row.shot, .query = 15, .within = row.within}, Key(1));
    std::vector<double> right(1000);
    threads.run(1000, [&](std::int64_t e, int) {
      right[static_cast<std::size_t>(e)] =
          (row.centre ? centred : raw).accuracy(sampler.plan(static_cast<std::uint64_t>(e)));
    });
    double mean = 0, squares = 0;
    for (const double r : right) mean += r / 10;
    for (const double r : right) squares += (100 * r - mean) * (100 * r - mean);
    const double own = 1.96 * std::sqrt(squares / 999 / 1000);
    CAPTURE(row.split.name, row.centre, row.way, row.shot, row.within, mean, own, row.measured);
    // both are estimates: their difference has the two intervals' hypotenuse, taken at 3 sigma
    CHECK(std::abs(mean - row.measured) < 1.5 * std::hypot(own, row.half_width));
  }
}

TEST_CASE("Lake's one-shot task: pixels and the modified Hausdorff distance, run by run") {
  const std::string path = scratch::real_data("omniglot/all_runs.zip");
  if (path.empty()) return;
  Threads threads(available_cores());
  const OneShotTask task = read_one_shot_task(path);
  REQUIRE(task.runs.size() == 20);
  CHECK(hausdorff_errors(task, &threads) == std::vector<double>{45, 35, 40, 25, 30, 15, 60,
                                                                35, 40, 55, 15, 70, 65, 35,
                                                                15, 25, 30, 40, 70, 30});
  for (const auto& [centre, expected] : {std::pair{false, 79.25}, {true, 52.25}}) {
    const Renderer renderer(task.set, {.size = 28, .centre = centre});
    std::vector<std::int32_t> places(20);
    for (std::size_t i = 0; i < 20; ++i) places[i] = static_cast<std::int32_t>(i);
    double mean = 0;
    for (std::size_t r = 0; r < 20; ++r)
      mean += task.error_percent(
                  r, nearest_pixels(renderer.images(task.runs[r].training), Indices(places),
                                    renderer.images(task.runs[r].test))) /
              20;
    CHECK(mean == Approx(expected));
  }
}

TEST_CASE("real MNIST: 60,000 and 10,000 digits") {
  const std::string one = scratch::real_data("mnist/train-images-idx3-ubyte.gz");
  if (one.empty()) return;
  const Mnist mnist = read_mnist_files(std::filesystem::path(one).parent_path());
  CHECK(mnist.train.count == 60'000);
  CHECK(mnist.test.count == 10'000);
  CHECK(mnist.train.height == 28);
  CHECK(mnist.train.labels[0] == 5);
  CHECK(mnist.test.labels[0] == 7);
  std::uint64_t sum = 0;
  for (const auto b : mnist.train.images) sum += b;
  CHECK(sum == 1'567'298'545);  // mean 33.318 of 255, deviation known as 0.1307 of 1
  const auto set = read_mnist(std::filesystem::path(one).parent_path());
  CHECK(set->images() == 70'000);
  CHECK(set->classes()[0].count == 5923 + 980);
}
