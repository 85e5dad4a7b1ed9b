// strokes_test.cpp: the generator is keyed, whole, and as hard as Omniglot.
#include <algorithm>
#include <cstdio>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/measures.hpp"
#include "metatape/tasks/images/strokes.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

TEST_CASE("strokes: any image can be made alone, and threads change nothing") {
  Threads threads(3);
  const auto set = generate_strokes({.alphabets = 3, .drawers = 5, .seed = 11}, &threads);
  const auto alone = generate_strokes({.alphabets = 2, .drawers = 2, .seed = 11});
  CHECK(set->groups() == std::vector<std::string>{"strokes01", "strokes02", "strokes03"});
  for (const int a : {0, 2}) {
    const GeneratedAlphabet alphabet(11, a);
    int first = 0;
    while (set->classes()[static_cast<std::size_t>(first)].group != a) ++first;
    for (const int c : {0, alphabet.characters() - 1})
      for (const int d : {0, 4}) {
        const ImageSet::Class& own = set->classes()[static_cast<std::size_t>(first + c)];
        CHECK(set->image(own.first + d) == alphabet.draw(c, d));
      }
  }
  CHECK(alone->image(1) == set->image(1));  // character 1, drawer 2, whatever the number of drawers
  CHECK(!(set->image(0) == generate_strokes({.alphabets = 1, .drawers = 1, .seed = 12})->image(0)));
}

TEST_CASE("strokes: 14 to 52 characters, black and white, inside the frame, no two alike") {
  std::set<int> sizes;
  for (int a = 0; a < 40; ++a) {
    const GeneratedAlphabet alphabet(2, a);
    sizes.insert(alphabet.characters());
    REQUIRE(alphabet.characters() >= 14);
    REQUIRE(alphabet.characters() <= 52);
    std::vector<Image> ideals;
    for (int c = 0; c < alphabet.characters(); ++c) {
      const Image image = alphabet.draw(c, a % 20);
      bool right = true;
      for (int y = 0; y < 105; ++y)
        for (int x = 0; x < 105; ++x) {
          const int v = image.bytes[static_cast<std::size_t>(y * 105 + x)];
          const bool border = y < 3 || x < 3 || y > 101 || x > 101;
          right = right && (v == 0 || (v == 255 && !border));
        }
      REQUIRE(right);
      REQUIRE(std::count(image.bytes.begin(), image.bytes.end(), 255) >= 21);
      ideals.push_back(alphabet.ideal(c));
    }
    for (std::size_t i = 0; i < ideals.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) REQUIRE(!(ideals[i] == ideals[j]));
  }
  CHECK(sizes.size() > 15);
}

TEST_CASE("strokes: counts out of range are refused") {
  CHECK_THROWS_WITH(generate_strokes({.alphabets = 0, .drawers = 20, .seed = 1}),
                    "strokes: 0 alphabets; 1 to 1000 expected");
  CHECK_THROWS_WITH(generate_strokes({.alphabets = 1, .drawers = 1001, .seed = 1}),
                    "strokes: 1001 drawers; 1 to 1000 expected");
}

TEST_CASE("strokes: as hard as the real thing, by every measure", "[long]") {
  Threads threads(available_cores());
  const auto set = generate_strokes({.alphabets = 20}, &threads);
  const std::vector<Measure> table = measure(set, {}, &threads);
  REQUIRE(table.size() == 24);
  for (const Measure& m : table) {
    std::printf("%-36s %8.3f  real %7.3f  bounds %7.3f %7.3f\n", m.name.c_str(), m.value, m.real,
                m.low, m.high);
    CAPTURE(m.name, m.value, m.low, m.high);
    CHECK(m.within_bounds());
  }
}

TEST_CASE("measures: what they need is said") {
  CHECK_THROWS_WITH(
      measure(generate_strokes({.alphabets = 2, .drawers = 3, .seed = 1})),
      "measure: strokes01/character01: 3 drawings in 1 channels; 20 drawings in grey, "
      "in alphabets, are measured");
  ImageSetBuilder builder;
  for (int i = 0; i < 20; ++i) builder.add("", "a", "", Image{2, 2, 1, {0, 255, 0, 0}});
  CHECK_THROWS_WITH(measure(builder.finish("x", Ink::light)),
                    "measure: a: 20 drawings in 1 channels, no alphabet; 20 drawings in grey, in "
                    "alphabets, are measured");
}
