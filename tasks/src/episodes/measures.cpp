// measures.cpp: the table of bounds and what fills it.
#include "metatape/tasks/episodes/measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"
#include "metatape/tasks/episodes/pixels.hpp"

namespace metatape::tasks {
namespace {

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

/// Calls f(i) for i in [0, n), in parallel where there are threads; f writes to places of its own.
template <class F>
void for_each(std::int64_t n, Threads* threads, F&& f) {
  if (threads) {
    threads->run(n, [&](std::int64_t i, int) { f(i); });
  } else {
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }
}

double mean(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

double deviation(const std::vector<double>& v) {
  const double m = mean(v);
  double sum = 0;
  for (const double x : v) sum += (x - m) * (x - m);
  return std::sqrt(sum / static_cast<double>(v.size()));
}

/// The number of 8-connected parts of the ink; `image` is used up.
int parts(Image& image) {
  const int n = image.height;
  std::vector<int> stack;
  int count = 0;
  for (int start = 0; start < n * n; ++start) {
    if (image.bytes[at(start)] <= 127) continue;
    ++count;
    stack.push_back(start);
    image.bytes[at(start)] = 0;
    while (!stack.empty()) {
      const int p = stack.back(), row = p / n, column = p % n;
      stack.pop_back();
      for (int r = std::max(0, row - 1); r <= std::min(n - 1, row + 1); ++r)
        for (int c = std::max(0, column - 1); c <= std::min(n - 1, column + 1); ++c)
          if (std::uint8_t& b = image.bytes[at(r * n + c)]; b > 127) {
            b = 0;
            stack.push_back(r * n + c);
          }
    }
  }
  return count;
}

/// One number an image.
struct Shapes {
  std::vector<double> ink, row, column, height, width, whole;
};

Shapes shapes(const ImageSet& set, Threads* threads) {
  const std::size_t n = at(set.images());
  Shapes s{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n),
           std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)};
  for_each((set.images() + 255) / 256, threads, [&](std::int64_t block) {
    Image image;
    for (std::size_t i = at(block) * 256; i < std::min(n, at(block + 1) * 256); ++i) {
      set.image(static_cast<int>(i), image);
      const Centroid c = centroid(image);
      s.row[i] = c.row;
      s.column[i] = c.column;
      int top = image.height, bottom = -1, left = image.width, right = -1, ink = 0;
      for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x)
          if (image.bytes[at(y * image.width + x)] > 127) {
            ++ink;
            top = std::min(top, y);
            bottom = y;
            left = std::min(left, x);
            right = std::max(right, x);
          }
      s.ink[i] = static_cast<double>(ink) / (image.height * image.width);
      s.height[i] = std::max(0, bottom - top + 1);
      s.width[i] = std::max(0, right - left + 1);
      s.whole[i] = parts(image) == 1 ? 1 : 0;
    }
  });
  return s;
}

/// What a drawing's value keeps when its class's mean and its drawer's mean deviation (over the
/// characters of the alphabet) are taken away.
double left_over(const ImageSet& set, const std::vector<double>& value) {
  double sum = 0;
  const auto& classes = set.classes();
  for (std::size_t first = 0; first < classes.size();) {
    std::size_t last = first;
    while (last < classes.size() && classes[last].group == classes[first].group) ++last;
    const std::size_t drawers = at(classes[first].count);
    std::vector<double> drawer(drawers), rest;
    for (std::size_t c = first; c < last; ++c) {
      const double* v = &value[at(classes[c].first)];
      double own = 0;
      for (std::size_t d = 0; d < drawers; ++d) own += v[d] / static_cast<double>(drawers);
      for (std::size_t d = 0; d < drawers; ++d) {
        rest.push_back(v[d] - own);
        drawer[d] += (v[d] - own) / static_cast<double>(last - first);
      }
    }
    for (std::size_t i = 0; i < rest.size(); ++i)
      sum += (rest[i] - drawer[i % drawers]) * (rest[i] - drawer[i % drawers]);
    first = last;
  }
  return std::sqrt(sum / static_cast<double>(value.size()));
}

/// Mean squared distance of pairs of the same class over that of pairs of different ones, exactly:
/// the sum over pairs of a set is n Σ|x|² - |Σx|².
double distance_ratio(const ImageSet& set, const PixelNeighbours& pixels) {
  const std::size_t n = pixels.pixels(0).size();
  std::vector<double> all(n), own(n);
  double squares = 0, same = 0, same_pairs = 0;
  const auto norm = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return sum;
  };
  for (const ImageSet::Class& c : set.classes()) {
    std::fill(own.begin(), own.end(), 0.0);
    double here = 0;
    for (int i = 0; i < c.count; ++i) {
      const std::span<const float> x = pixels.pixels(c.first + i);
      for (std::size_t p = 0; p < n; ++p) {
        const double v = x[p];
        own[p] += v;
        here += v * v;
      }
    }
    const double k = c.count;
    same += k * here - norm(own);
    same_pairs += k * (k - 1) / 2;
    squares += here;
    for (std::size_t p = 0; p < n; ++p) all[p] += own[p];
  }
  const double images = set.images();
  const double different = images * squares - norm(all) - same;
  const double different_pairs = images * (images - 1) / 2 - same_pairs;
  return (same / same_pairs) / (different / different_pairs);
}

class Neighbours {
 public:
  Neighbours(const Split& split, const MeasureOptions& options, Threads* threads)
      : split_(split),
        options_(options),
        threads_(threads),
        raw_(split, {.centre = false}, threads),
        centred_(split, {.centre = true}, threads) {}

  [[nodiscard]] double accuracy(bool centre, int way, int shot, bool within) const {
    const EpisodeSampler sampler(
        split_, {.way = way, .shot = shot, .query = 15, .within = within ? 1.0 : 0.0},
        Key(options_.seed));
    std::vector<double> right(at(options_.episodes));
    for_each(options_.episodes, threads_, [&](std::int64_t e) {
      right[at(e)] =
          (centre ? centred_ : raw_).accuracy(sampler.plan(static_cast<std::uint64_t>(e)));
    });
    return 100 * mean(right);
  }

  [[nodiscard]] double ratio(bool centre) const {
    return distance_ratio(*split_.set, centre ? centred_ : raw_);
  }

 private:
  const Split& split_;
  const MeasureOptions& options_;
  Threads* threads_;
  PixelNeighbours raw_, centred_;
};

/// One drawer's 20 characters against another's, the error in percent.
double hausdorff(const Split& split, bool within, const MeasureOptions& options, Threads* threads) {
  const ImageSet& set = *split.set;
  const EpisodeSampler sampler(
      split, {.way = 20, .shot = 1, .query = 1, .within = within ? 1.0 : 0.0}, Key(options.seed));
  std::vector<double> wrong(at(options.hausdorff_runs));
  for_each(options.hausdorff_runs, threads, [&](std::int64_t run) {
    const EpisodePlan plan = sampler.plan(static_cast<std::uint64_t>(run));
    Random random(Key(options.seed).split("drawers").split(static_cast<std::uint64_t>(run)));
    const auto pair = random.choose(set.classes()[at(plan.classes[0])].count, 2);
    std::vector<InkShape> first, second;
    for (const int c : plan.classes) {
      const int base = set.classes()[at(c)].first;
      first.emplace_back(set.image(base + static_cast<int>(pair[0])));
      second.emplace_back(set.image(base + static_cast<int>(pair[1])));
    }
    wrong[at(run)] = 100 * (1 - share_right(nearest_shapes(first, second), first.size()));
  });
  return mean(wrong);
}

void check(const ImageSet& set) {
  std::size_t largest = 0, here = 0;
  int group = -1;
  for (const ImageSet::Class& c : set.classes()) {
    here = c.group == group ? here + 1 : 1;
    group = c.group;
    largest = std::max(largest, here);
    if (c.group < 0 || c.count != 20 || set.channels() != 1)
      throw DataError(
          fmt::format("measure: {}: {} drawings in {} channels{}; 20 drawings in grey, "
                      "in alphabets, are measured",
                      c.name, c.count, set.channels(), c.group < 0 ? ", no alphabet" : ""));
  }
  if (largest < 20)
    throw DataError(
        fmt::format("measure: the largest alphabet has {} characters; 20 are needed", largest));
}

}  // namespace

std::vector<Measure> measure(const std::shared_ptr<const ImageSet>& set,
                             const MeasureOptions& options, Threads* threads) {
  check(*set);
  const Split all{"all", set, [&] {
                    std::vector<int> classes(set->classes().size());
                    for (std::size_t i = 0; i < classes.size(); ++i)
                      classes[i] = static_cast<int>(i);
                    return classes;
                  }()};
  const Shapes s = shapes(*set, threads);
  const Neighbours nearest(all, options, threads);
  const auto about = [](std::string name, double value, double real, double reach) {
    return Measure{std::move(name), value, real, real - reach, real + reach};
  };
  std::vector<Measure> table = {
      {"mean ink fraction", mean(s.ink), 0.078, 0.070, 0.088},
      {"sd of ink over images", deviation(s.ink), 0.028, 0.022, 0.035},
      {"centroid row, sd left over", left_over(*set, s.row), 4.4, 3.5, 5.5},
      {"centroid column, sd left over", left_over(*set, s.column), 4.5, 3.5, 5.5},
      {"box height", mean(s.height), 62, 55, 68},
      {"box width", mean(s.width), 55, 50, 65},
      {"one connected part", mean(s.whole), 0.80, 0.65, 0.90},
  };
  const auto pixels = [&](const char* name, bool centre, int way, int shot, bool within,
                          double real, double reach) {
    table.push_back(about(name, nearest.accuracy(centre, way, shot, within), real, reach));
    return table.back().value;
  };
  pixels("pixels 5w1s mixed", false, 5, 1, false, 43.9, 5);
  pixels("pixels 5w5s mixed", false, 5, 5, false, 65.1, 6);
  pixels("pixels 20w1s mixed", false, 20, 1, false, 24.4, 4);
  pixels("pixels 20w5s mixed", false, 20, 5, false, 44.9, 6);
  pixels("pixels 5w1s within", false, 5, 1, true, 40.6, 5);
  pixels("pixels 20w1s within", false, 20, 1, true, 19.7, 5);
  pixels("centred pixels 5w1s mixed", true, 5, 1, false, 69.0, 5);
  pixels("centred pixels 5w5s mixed", true, 5, 5, false, 90.1, 3);
  const double mixed = pixels("centred pixels 20w1s mixed", true, 20, 1, false, 51.3, 5);
  pixels("centred pixels 20w5s mixed", true, 20, 5, false, 79.2, 4);
  const double within = pixels("centred pixels 20w1s within", true, 20, 1, true, 43.9, 6);
  pixels("centred pixels 20w5s within", true, 20, 5, true, 68.0, 6);
  table.push_back(about("distance, same / different class", nearest.ratio(false), 0.843, 0.03));
  table.push_back(about("distance, same / different, centred", nearest.ratio(true), 0.680, 0.03));
  table.push_back({"centred 20w1s, mixed - within", mixed - within, 7.4, 3, 12});
  table.push_back(about("Hausdorff error within", hausdorff(all, true, options, threads), 35, 10));
  table.push_back(about("Hausdorff error mixed", hausdorff(all, false, options, threads), 24, 8));
  return table;
}

}  // namespace metatape::tasks
