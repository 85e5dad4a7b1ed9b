// data_spec_test.cpp: the text of --data, right and wrong; the nearest name.
#include <cstdlib>
#include <filesystem>

#include "metatape/tasks/images/data_spec.hpp"
#include "metatape/tasks/nearest_name.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape::tasks;

namespace {

/// Sets METATAPE_DATA for a test and puts back what it was.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* before = std::getenv("METATAPE_DATA")) before_ = before;
    value ? setenv("METATAPE_DATA", value, 1) : unsetenv("METATAPE_DATA");
  }
  ~Environment() {
    before_ ? setenv("METATAPE_DATA", before_->c_str(), 1) : unsetenv("METATAPE_DATA");
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("data spec: said in full, and read again as the same") {
  const std::string here = std::filesystem::current_path().string();
  CHECK(parse_data("strokes").text() == "strokes:alphabets=30,seed=1,drawers=20");
  CHECK(parse_data("strokes:seed=18446744073709551615,alphabets=4").text() ==
        "strokes:alphabets=4,seed=18446744073709551615,drawers=20");
  CHECK(parse_data("omniglot:a.zip,/b/../c").text() == "omniglot:" + here + "/a.zip,/c");
  CHECK(parse_data("folder:x y,ink=dark").text() == "folder:" + here + "/x y,ink=dark");
  CHECK(parse_data("folder:a,b").paths == std::vector<std::string>{here + "/a,b"});
  CHECK(parse_data("idx:i,l").paths == std::vector<std::string>{here + "/i", here + "/l"});
  for (const char* spec : {"strokes:alphabets=3", "omniglot:a,b", "folder:x,ink=light", "mnist:m",
                           "idx:a,b", "cifar10:c"}) {
    const std::string text = parse_data(spec).text();
    CHECK(parse_data(text).text() == text);
  }
}

TEST_CASE("data spec: what is wrong is said, with the nearest name") {
  CHECK_THROWS_WITH(parse_data("omniglott:x"),
                    "unknown data 'omniglott'; did you mean 'omniglot'? (one of strokes, omniglot, "
                    "folder, mnist, idx, cifar10)");
  CHECK_THROWS_AS(parse_data("omniglott:x"), SpecError);
  CHECK_THROWS_WITH(parse_data(""),
                    "unknown data '' (one of strokes, omniglot, folder, mnist, idx, cifar10)");
  CHECK_THROWS_WITH(parse_data("strokes:alphabet=3"),
                    "data strokes: unknown key 'alphabet'; did you mean 'alphabets'? (keys: "
                    "alphabets, drawers, seed)");
  CHECK_THROWS_WITH(parse_data("strokes:alphabets=0"),
                    "data strokes: alphabets=0: a whole number from 1 to 1000 expected");
  CHECK_THROWS_WITH(parse_data("strokes:alphabets=3x"),
                    "data strokes: alphabets=3x: a whole number from 1 to 1000 expected");
  CHECK_THROWS_WITH(
      parse_data("strokes:seed=-1"),
      "data strokes: seed=-1: a whole number from 0 to 18446744073709551615 expected");
  CHECK_THROWS_WITH(parse_data("idx:only"),
                    "data 'idx:only': two files expected: idx:IMAGES,LABELS");
  CHECK_THROWS_WITH(parse_data("idx"), "data 'idx': no path: write idx:IMAGES,LABELS");
  CHECK_THROWS_WITH(parse_data("folder:"), "data 'folder:': a path is missing");
  CHECK_THROWS_WITH(parse_data("folder:x,ink=red"), "data folder: ink=red: dark or light expected");
}

TEST_CASE("data spec: bare names look where METATAPE_DATA points") {
  {
    const Environment none(nullptr);
    CHECK_THROWS_WITH(parse_data("omniglot"),
                      "data 'omniglot': no path: write omniglot:PATH, or name the folder of data "
                      "in METATAPE_DATA");
  }
  const scratch::Folder folder;
  const Environment set(folder.path().c_str());
  CHECK(parse_data("mnist").paths == std::vector<std::string>{folder / "mnist"});
  CHECK(parse_data("omniglot").paths ==
        std::vector<std::string>{folder / "omniglot/images_background.zip"});
  folder.write("omniglot/images_background/A/b/c.png", scratch::plain_png(9));
  CHECK(parse_data("omniglot").paths ==
        std::vector<std::string>{folder / "omniglot/images_background"});
  CHECK(read_data("omniglot")->images() == 1);
}

TEST_CASE("nearest name: near ones only, swaps count once") {
  const std::vector<std::string> names = {"prototypical", "matching", "maml", "fomaml"};
  CHECK(nearest_name("protypical", names) == "prototypical");
  CHECK(nearest_name("mmal", names) == "maml");
  CHECK(nearest_name("reptile", names).empty());
  CHECK(did_you_mean("matchin", names) == "; did you mean 'matching'?");
  CHECK(did_you_mean("zzz", names).empty());
}
