// sampler_test.cpp: what an episode is made of, whatever the options; and what cannot be asked.
#include <algorithm>
#include <map>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/sampler.hpp"
#include "metatape/tasks/images/strokes.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

std::shared_ptr<const ImageSet> strokes() {
  static const auto set = generate_strokes({.alphabets = 5, .drawers = 20, .seed = 1});
  return set;
}

Split everything(std::shared_ptr<const ImageSet> set) { return split(std::move(set)).all; }

/// Classes of `counts` images each, in alphabets "a", "b" in turn when grouped.
std::shared_ptr<const ImageSet> with_counts(const std::vector<int>& counts, bool grouped) {
  ImageSetBuilder builder;
  Image image{4, 4, 1, std::vector<std::uint8_t>(16)};
  image.bytes[5] = 255;
  for (std::size_t c = 0; c < counts.size(); ++c)
    for (int i = 0; i < counts[c]; ++i)
      builder.add(grouped ? (c % 2 ? "b" : "a") : "", "c" + std::to_string(c), "", image);
  return builder.finish("small", Ink::light);
}

void check_plan(const EpisodeSampler& sampler, const EpisodePlan& plan) {
  const EpisodeOptions& o = sampler.options();
  const ImageSet& set = *sampler.split().set;
  REQUIRE(plan.classes.size() == static_cast<std::size_t>(o.way));
  REQUIRE(plan.turns.size() == plan.classes.size());
  REQUIRE(plan.support.size() == static_cast<std::size_t>(o.way * o.shot));
  REQUIRE(plan.query.size() == static_cast<std::size_t>(o.way * o.query));
  std::set<std::pair<int, int>> labels;
  std::set<std::pair<int, int>> drawings;  // image, label
  for (std::size_t i = 0; i < plan.classes.size(); ++i) {
    const int c = plan.classes[i];
    REQUIRE(labels.insert({c, plan.turns[i]}).second);
    REQUIRE(plan.turns[i] >= 0);
    REQUIRE(plan.turns[i] < 4);
    if (plan.group >= 0) REQUIRE(set.classes()[static_cast<std::size_t>(c)].group == plan.group);
    REQUIRE(std::binary_search(sampler.split().classes.begin(), sampler.split().classes.end(), c));
  }
  const auto own = [&](const std::vector<int>& images, int each) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::size_t label = i / static_cast<std::size_t>(each);
      REQUIRE(set.class_of(images[i]) == plan.classes[label]);
      REQUIRE(drawings.insert({images[i], static_cast<int>(label)}).second);  // disjoint
    }
  };
  own(plan.support, o.shot);
  own(plan.query, o.query);
}

}  // namespace

TEST_CASE("episodes: classes, images and labels are as asked, support and query disjoint") {
  const Split all = everything(strokes());
  for (const double within : {0.0, 0.5, 1.0})
    for (const Rotations rotations :
         {Rotations::none, Rotations::drawn, Rotations::episode, Rotations::classes})
      for (const auto& [way, shot, query] : {std::tuple{5, 1, 15}, {2, 19, 1}, {14, 5, 15}}) {
        const EpisodeSampler sampler(
            all,
            {.way = way, .shot = shot, .query = query, .within = within, .rotations = rotations},
            Key(3));
        for (std::uint64_t e = 0; e < 40; ++e) check_plan(sampler, sampler.plan(e));
      }
}

TEST_CASE("episodes: turns follow the kind of rotations") {
  const Split all = everything(strokes());
  const auto turns_of = [&](Rotations rotations, double within) {
    const EpisodeSampler sampler(
        all, {.way = 5, .shot = 1, .query = 1, .within = within, .rotations = rotations}, Key(1));
    bool several = false;
    std::set<int> seen;
    for (std::uint64_t e = 0; e < 60; ++e) {
      const auto turns = sampler.plan(e).turns;
      seen.insert(turns.begin(), turns.end());
      several = several || std::set<int>(turns.begin(), turns.end()).size() > 1;
    }
    return std::pair{seen.size(), several};
  };
  CHECK(turns_of(Rotations::none, 0) == std::pair<std::size_t, bool>{1, false});
  CHECK(turns_of(Rotations::drawn, 0) == std::pair<std::size_t, bool>{4, true});
  CHECK(turns_of(Rotations::drawn, 1) == std::pair<std::size_t, bool>{4, false});
  CHECK(turns_of(Rotations::episode, 0) == std::pair<std::size_t, bool>{4, false});
  CHECK(turns_of(Rotations::classes, 0) == std::pair<std::size_t, bool>{4, true});
  // with turns as classes there are four times as many
  const auto small = with_counts({5, 5, 5}, false);
  const EpisodeSampler many(everything(small),
                            {.way = 12, .shot = 1, .query = 1, .rotations = Rotations::classes},
                            Key(1));
  check_plan(many, many.plan(0));
}

TEST_CASE("episodes: the share within one alphabet is as asked") {
  const EpisodeSampler sampler(everything(strokes()),
                               {.way = 5, .shot = 1, .query = 1, .within = 0.3}, Key(1));
  int within = 0;
  for (std::uint64_t e = 0; e < 2000; ++e) within += sampler.plan(e).group >= 0;
  CHECK(within > 530);
  CHECK(within < 670);
}

TEST_CASE("episodes: every class and every image comes up evenly") {
  const auto set = with_counts({4, 4, 4, 4, 4}, false);
  const EpisodeSampler sampler(everything(set), {.way = 3, .shot = 1, .query = 2}, Key(1));
  std::vector<int> classes(5), images(20), first(5);
  for (std::uint64_t e = 0; e < 4000; ++e) {
    const EpisodePlan plan = sampler.plan(e);
    ++first[static_cast<std::size_t>(plan.classes[0])];
    for (const int c : plan.classes) ++classes[static_cast<std::size_t>(c)];
    for (const int i : plan.support) ++images[static_cast<std::size_t>(i)];
  }
  for (const int n : classes) CHECK(std::abs(n - 2400) < 150);
  for (const int n : first) CHECK(std::abs(n - 800) < 110);
  for (const int n : images) CHECK(std::abs(n - 600) < 100);
}

TEST_CASE("episodes: depend on key, split and number alone") {
  const Splits parts = split(strokes());
  EpisodeOptions options{.way = 5,
                         .shot = 1,
                         .query = 3,
                         .within = 0.5,
                         .rotations = Rotations::drawn,
                         .augment = true,
                         .augment_classes = true};
  options.centre = true;
  Threads threads(2);
  const EpisodeSampler a(parts.train, options, Key(1)), b(parts.train, options, Key(1), &threads);
  const Episode last = a.episode(7);
  for (std::uint64_t e = 0; e < 3; ++e) CHECK(a.episode(e).plan.index == e);
  const Episode again = b.episode(7);
  CHECK(identical(last.images, again.images));
  CHECK(last.plan.classes == again.plan.classes);
  CHECK(!identical(last.images, a.episode(8).images));
  CHECK(EpisodeSampler(parts.train, options, Key(2)).plan(7).support != last.plan.support);
  Split renamed = parts.train;
  renamed.name = "test";
  CHECK(EpisodeSampler(renamed, options, Key(1)).plan(7).support != last.plan.support);
}

TEST_CASE("episodes: tensors and labels") {
  const EpisodeSampler sampler(everything(strokes()), {.way = 3, .shot = 2, .query = 4}, Key(1));
  const Episode e = sampler.episode(0);
  CHECK(e.images.shape() == Shape{18, 28, 28, 1});
  CHECK(e.support.shape() == Shape{6, 28, 28, 1});
  CHECK(e.query.shape() == Shape{12, 28, 28, 1});
  CHECK(e.support_labels == Indices({0, 0, 1, 1, 2, 2}));
  CHECK(e.query_labels == Indices({0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}));
  std::vector<float> image(28 * 28);
  sampler.renderer().plain(e.plan.query[5], 0, image);
  const auto values = e.query.values<float>().subspan(5 * 784, 784);
  CHECK(std::equal(image.begin(), image.end(), values.begin()));
  CHECK(identical(e.support.rows(1, 2), e.images.rows(1, 2)));
}

TEST_CASE("episodes: augmentation changes images, differently each, within [0, 1]") {
  const auto set = with_counts({8, 8}, false);  // all images alike
  const auto images = [&](bool each, bool classes) {
    return EpisodeSampler(
               everything(set),
               {.way = 2, .shot = 2, .query = 2, .augment = each, .augment_classes = classes},
               Key(1))
        .episode(0)
        .images;
  };
  const Tensor plain = images(false, false), own = images(true, false),
               shared = images(false, true);
  CHECK(identical(plain.rows(0, 1), plain.rows(1, 2)));
  CHECK(!identical(own.rows(0, 1), own.rows(1, 2)));
  CHECK(identical(shared.rows(0, 1), shared.rows(1, 2)));
  CHECK(identical(shared.rows(0, 1), shared.rows(4, 5)));   // a class's query, too
  CHECK(!identical(shared.rows(0, 1), shared.rows(2, 3)));  // another class
  for (const float v : images(true, true).values<float>()) REQUIRE((v >= 0 && v <= 1));
}

TEST_CASE("episodes: small classes and alphabets are left out and named") {
  const auto set = with_counts({16, 3, 16, 16, 20}, true);  // a: c0 c2 c4, b: c1 c3
  const EpisodeSampler sampler(everything(set), {.way = 3, .shot = 1, .query = 15, .within = 1},
                               Key(1));
  CHECK(sampler.left_out() ==
        std::vector<std::string>{"b/c1: 3 images, 16 needed", "b: 1 classes, 3 needed"});
  for (std::uint64_t e = 0; e < 10; ++e) CHECK(sampler.plan(e).group == 0);
}

TEST_CASE("episodes: what cannot be had is said") {
  const Split all = everything(with_counts({16, 3, 16, 16, 20}, true));
  const auto make = [&](EpisodeOptions options) { EpisodeSampler(all, options, Key(1)); };
  CHECK_THROWS_WITH(make({.way = 5}),
                    "episodes: 5-way asked of 4 classes of the all split (1 left out: fewer than "
                    "1 + 15 images)");
  CHECK_THROWS_WITH(make({.way = 6, .shot = 1, .query = 1}),
                    "episodes: 6-way asked of 5 classes of the all split");
  CHECK_THROWS_WITH(make({.way = 4, .shot = 1, .query = 1, .within = 1}),
                    "episodes: 4-way within one alphabet: the largest of 2 in the all split has 3 "
                    "classes");
  CHECK_THROWS_WITH(make({.way = 1}), "episodes: way 1; at least 2 expected");
  CHECK_THROWS_WITH(make({.way = 2, .shot = 0}), "episodes: shot 0; at least 1 expected");
  CHECK_THROWS_WITH(make({.way = 2, .shot = 1, .query = 0}),
                    "episodes: query 0; at least 1 expected");
  CHECK_THROWS_WITH(make({.way = 2, .shot = 1, .query = 1, .within = 1.5}),
                    "episodes: within 1.5; 0 to 1 expected");
  const Split flat = everything(with_counts({5, 5, 5}, false));
  CHECK_THROWS_WITH(EpisodeSampler(flat, {.way = 2, .shot = 1, .query = 1, .within = 1}, Key(1)),
                    "episodes: within one alphabet, but small has no alphabets");
  CHECK_THROWS_AS(EpisodeSampler(split(with_counts({5}, false)).test, {.way = 2}, Key(1)),
                  DataError);
}
