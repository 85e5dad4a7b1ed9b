// split_test.cpp: which alphabets test, validate and train.
#include "metatape/tasks/episodes/split.hpp"
#include "metatape/autodiff/error.hpp"
#include "support/catch.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// Alphabets "g00", "g01", ... (or the names given) of `classes` characters of two images.
std::shared_ptr<const ImageSet> grouped(std::vector<std::string> names, int classes) {
  ImageSetBuilder builder;
  const Image image{2, 2, 1, {0, 255, 0, 0}};
  for (const std::string& name : names)
    for (int c = 1; c <= classes; ++c)
      for (int i = 0; i < 2; ++i)
        builder.add(name, (c < 10 ? "character0" : "character") + std::to_string(c), "", image);
  return builder.finish("small", Ink::light);
}

std::vector<std::string> numbered(int n) {
  std::vector<std::string> names;
  for (int i = 0; i < n; ++i) names.push_back((i < 10 ? "g0" : "g") + std::to_string(i));
  return names;
}

std::vector<std::size_t> sizes(const Splits& s) {
  return {s.train.groups().size(), s.validation.groups().size(), s.test.groups().size()};
}

}  // namespace

TEST_CASE("split: last fifth tests, tenth before it validates; Omniglot 6 and 3") {
  CHECK(sizes(split(grouped(numbered(30), 2))) == std::vector<std::size_t>{21, 3, 6});
  CHECK(sizes(split(grouped(numbered(20), 2))) == std::vector<std::size_t>{14, 2, 4});
  CHECK(sizes(split(grouped(numbered(7), 2))) == std::vector<std::size_t>{5, 1, 1});
  CHECK(sizes(split(grouped(numbered(2), 2))) == std::vector<std::size_t>{1, 0, 1});
  CHECK(sizes(split(grouped(numbered(20), 2),
                    {.test = "", .validation = "", .by = SplitBy::group, .omniglot = true})) ==
        std::vector<std::size_t>{11, 3, 6});
  const Splits s = split(grouped(numbered(10), 3));
  CHECK(s.test.groups() == std::vector<std::string>{"g08", "g09"});
  CHECK(s.validation.groups() == std::vector<std::string>{"g07"});
  CHECK(s.train.groups().back() == "g06");
  CHECK(s.all.classes.size() == 30);
  CHECK(s.test.images().size() == 12);
  CHECK(s.test.images().front() == 48);
}

TEST_CASE("split: without alphabets, or with one, by classes") {
  for (const char* group : {"", "only"}) {
    const Splits s = split(grouped({group}, 10));
    CHECK(s.train.classes == std::vector<int>{0, 1, 2, 3, 4, 5, 6});
    CHECK(s.validation.classes == std::vector<int>{7});
    CHECK(s.test.classes == std::vector<int>{8, 9});
  }
  const Splits one = split(grouped({""}, 1));
  CHECK(one.train.classes == std::vector<int>{0});
  CHECK(one.test.classes.empty());
}

TEST_CASE("split: by numbers and by names") {
  const auto set = grouped(numbered(10), 1);
  const auto with = [&](const std::string& test, const std::string& validation) {
    return split(set,
                 {.test = test, .validation = validation, .by = SplitBy::group, .omniglot = false});
  };
  CHECK(sizes(with("0", "0")) == std::vector<std::size_t>{10, 0, 0});
  CHECK(sizes(with("4", "")) == std::vector<std::size_t>{5, 1, 4});
  CHECK(sizes(with("g03,g01", "2")) == std::vector<std::size_t>{6, 2, 2});
  CHECK(with("g03,g01", "2").test.groups() == std::vector<std::string>{"g01", "g03"});
  CHECK(with("g03,g01", "2").validation.groups() == std::vector<std::string>{"g08", "g09"});
  CHECK(with("2", "g09").test.groups() == std::vector<std::string>{"g07", "g08"});
  CHECK(sizes(with("6", "4")) == std::vector<std::size_t>{0, 4, 6});
  CHECK_THROWS_WITH(with("g99", ""), "split: no alphabet 'g99' in this set; did you mean 'g09'?");
  CHECK_THROWS_WITH(with("g01", "g01"), "split: alphabet 'g01' cannot both test and validate");
  CHECK_THROWS_WITH(with("11", ""), "split: 11 test alphabets asked, 10 are there");
  CHECK_THROWS_WITH(with("8", "3"), "split: 3 validation alphabets asked, 2 are there");
}

TEST_CASE("split by character: Vinyals' protocol") {
  std::vector<std::string> names = {"Kannada",
                                    "Keble",
                                    "Malayalam",
                                    "Manipuri",
                                    "Mongolian",
                                    "Old_Church_Slavonic_(Cyrillic)",
                                    "Oriya",
                                    "Sylheti",
                                    "Syriac_(Serto)",
                                    "Tengwar",
                                    "Tibetan",
                                    "ULOG",
                                    "Armenian",
                                    "Bengali",
                                    "Early_Aramaic",
                                    "Hebrew",
                                    "Mkhedruli_(Georgian)",
                                    "Gurmukhi",
                                    "Angelic",
                                    "Greek"};
  const SplitOptions by_character{
      .test = "", .validation = "", .by = SplitBy::character, .omniglot = true};
  const Splits s = split(grouped(names, 45), by_character);
  CHECK(s.test.classes.size() == 12 * 45 + 4);
  CHECK(s.validation.classes.size() == 5 * 45);
  CHECK(s.train.classes.size() == 2 * 45 + 41);
  CHECK(s.validation.groups() == std::vector<std::string>{"Armenian", "Bengali", "Early_Aramaic",
                                                          "Hebrew", "Mkhedruli_(Georgian)"});
  names.erase(names.begin() + 1);
  CHECK_THROWS_WITH(split(grouped(names, 1), by_character),
                    "split by character: Vinyals' split is of the whole of Omniglot; small lacks "
                    "Keble (--data omniglot:images_background.zip,images_evaluation.zip)");
}
