// readers_test.cpp: archives and folders, right and hostile, through the readers that use them.
#include <unistd.h>

#include <filesystem>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "metatape/tasks/images/one_shot.hpp"
#include "metatape/tasks/images/readers.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using namespace metatape::tasks;
using scratch::Bytes;
using scratch::Member;
using scratch::plain_png;

namespace fs = std::filesystem;

namespace {

/// Two alphabets of two characters of two drawings.
std::vector<Member> small_omniglot(const std::string& prefix = "images_background/") {
  std::vector<Member> members;
  for (const char* place : {"Greek/character01/0001_01.png", "Greek/character01/0001_02.png",
                            "Greek/character02/0002_01.png", "Greek/character02/0002_02.png",
                            "Latin/character01/0003_01.png", "Latin/character01/0003_02.png",
                            "Latin/character02/0004_01.png", "Latin/character02/0004_02.png"})
    members.push_back({prefix + place, plain_png(20), members.size() % 2 == 1, false, {}, {}});
  return members;
}

Member member(const std::string& name, const Bytes& data) {
  return {name, data, false, false, {}, {}};
}

}  // namespace

TEST_CASE("omniglot: an archive and its folder are read alike") {
  const scratch::Folder folder;
  auto members = small_omniglot();
  members.push_back(member("__MACOSX/images_background/._Greek", {1, 2}));
  members.push_back(member("images_background/.DS_Store", {1}));
  members.push_back(member("images_background/Greek/character01/._0001_01.png", {1}));
  members.push_back(member("images_background/Greek/", {}));
  members.push_back(member("images_background/readme.txt", {'x'}));
  for (const Member& m : members)
    if (m.name.back() != '/') folder.write("unpacked/" + m.name, m.data);
  const auto zipped = read_omniglot({folder.write("o.zip", scratch::zip(members))});
  const auto unpacked = read_omniglot({folder / "unpacked"});
  for (const auto& set : {zipped, unpacked}) {
    CHECK(set->groups() == std::vector<std::string>{"Greek", "Latin"});
    REQUIRE(set->classes().size() == 4);
    CHECK(set->classes()[3].name == "Latin/character02");
    CHECK(set->images() == 8);
    CHECK(set->image(0).bytes[21] == 255);  // the dark pixel is ink
    CHECK(set->image(0).bytes[0] == 0);
  }
}

TEST_CASE("omniglot: hostile and broken archives are refused by one line") {
  const scratch::Folder folder;
  const std::string path = folder / "o.zip";
  const auto refuse = [&](const Bytes& bytes) {
    folder.write("o.zip", bytes);
    read_omniglot({path});
  };
  const auto with = [](const Member& extra) {
    auto members = small_omniglot();
    members.push_back(extra);
    return scratch::zip(members);
  };
  const Bytes good = scratch::zip(small_omniglot());
  CHECK_THROWS_WITH(read_omniglot({folder / "none.zip"}),
                    (folder / "none.zip") + ": no such file or folder");
  CHECK_THROWS_WITH(refuse(Bytes(100, 'x')), path + ": not a zip archive");
  CHECK_THROWS_WITH(refuse({}), path + ": not a zip archive");
  CHECK_THROWS_WITH(refuse(Bytes(good.begin(), good.end() - 100)),
                    path +
                        ": broken zip archive: its directory, at the end of the file, is "
                        "missing or damaged: truncated download?");
  CHECK_THROWS_WITH(refuse(with(member("../evil/a/b.png", plain_png(20)))),
                    path + ": ../evil/a/b.png: a member's name leads out of the archive");
  CHECK_THROWS_WITH(refuse(with(member("/etc/a/b.png", plain_png(20)))),
                    path + ": /etc/a/b.png: a member's name leads out of the archive");
  CHECK_THROWS_WITH(refuse(with(member("a\\..\\b.png", plain_png(20)))),
                    path + ": a\\..\\b.png: a member's name leads out of the archive");
  CHECK_THROWS_WITH(refuse(with(member("C:/a/b/c.png", plain_png(20)))),
                    path + ": C:/a/b/c.png: a member's name leads out of the archive");
  CHECK_THROWS_WITH(
      refuse(with(member("images_background/Greek/character01/0001_01.png", plain_png(20)))),
      path + ": images_background/Greek/character01/0001_01.png: two members of this name");
  CHECK_THROWS_WITH(refuse(with({"A/b/c.png", plain_png(20), false, true, {}, {}})),
                    path + ": A/b/c.png: encrypted; unpack the archive first");
  CHECK_THROWS_WITH(refuse(with({"A/b/c.png", Bytes(1000), true, false, {}, 1u << 30})),
                    path + ": A/b/c.png: unpacks to 1073741824 bytes; at most 67108864 are read");
  CHECK_THROWS_WITH(refuse(with({"A/b/c.png", Bytes(100'000'000), true, false, {}, {}})),
                    path + ": A/b/c.png: unpacks to 100000000 bytes; at most 67108864 are read");
  CHECK_THROWS_WITH(refuse(with({"A/b/c.png", plain_png(20), true, false, 12345u, {}})),
                    path + ": A/b/c.png: broken zip member: CRC error");
  CHECK_THROWS_AS(refuse(with({"A/b/c.png", plain_png(20), true, false, {}, 10u})), DataError);
  CHECK_THROWS_AS(refuse(with({"A/b/c.png", plain_png(20), true, false, {}, 10000u})), DataError);
  CHECK_THROWS_WITH(refuse(scratch::zip({member("inner.zip", good)})),
                    path +
                        ": no .png files in it, but 1 .zip: an archive within it must be "
                        "unpacked first");
  CHECK_THROWS_WITH(refuse(scratch::zip({member("a/b/c.jpg", {1}), member("a/b/d.jpg", {1})})),
                    path + ": no .png files in it, but 2 .jpg");
  CHECK_THROWS_WITH(refuse(scratch::zip({member("Greek/1.png", plain_png(20))})),
                    path + ": Greek/1.png: expected at <Alphabet>/<character>/<image>.png");
  CHECK_THROWS_WITH(refuse(with(member("Greek/character09/1.png", {}))),
                    path + ": Greek/character09/1.png: empty file, a PNG expected");
  CHECK_THROWS_WITH(
      refuse(with(member("images_background/Greek/character01/0001_03.png", plain_png(28)))),
      path +
          ": images_background/Greek/character01/0001_03.png: 28 x 28 pixels, the drawings "
          "before it in Greek/character01 20 x 20");
}

TEST_CASE("omniglot: 70,000 members are read, more than 100,000 refused") {
  const scratch::Folder folder;
  auto members = small_omniglot();
  while (members.size() < 70'000)
    members.push_back(member("n" + std::to_string(members.size()), {}));
  CHECK(read_omniglot({folder.write("o.zip", scratch::zip(members))})->images() == 8);
  while (members.size() < 100'001)
    members.push_back(member("n" + std::to_string(members.size()), {}));
  const std::string path = folder.write("o.zip", scratch::zip(members));
  CHECK_THROWS_WITH(read_omniglot({path}), path + ": 100001 members; at most 100000 are read");
}

TEST_CASE("omniglot: two sets join; an alphabet in both is an error") {
  const scratch::Folder folder;
  const std::string a = folder.write("a.zip", scratch::zip(small_omniglot()));
  const std::string b =
      folder.write("b.zip", scratch::zip({member("Zulu/character01/1.png", plain_png(20)),
                                          member("Zulu/character01/2.png", plain_png(20))}));
  CHECK(read_omniglot({a, b})->groups().size() == 3);
  const std::string c = folder.write("c.zip", scratch::zip(small_omniglot("other/")));
  CHECK_THROWS_WITH(read_omniglot({a, c}), c + ": alphabet Greek is in " + a +
                                               " too: its characters would be two classes each");
}

TEST_CASE("folders: groups and classes, odd names, mixed sizes, either polarity") {
  const scratch::Folder folder;
  folder.write("f/größe A/ä/1.png", plain_png(20));
  folder.write("f/größe A/b c/1.png", plain_png(33));
  folder.write("f/größe B/x/1.PNG", plain_png(5));
  const auto grouped = read_folder(folder / "f");
  CHECK(grouped->groups() == std::vector<std::string>{"größe A", "größe B"});
  CHECK(grouped->classes()[0].name == "größe A/b c");
  CHECK(grouped->side(0) == 33);
  CHECK(grouped->image(0).bytes[34] == 255);

  folder.write("g/one/1.png", plain_png(20, 0));  // light on dark
  const auto one = read_folder(folder / "g");
  CHECK(one->classes().size() == 1);
  CHECK(one->groups().empty());
  CHECK(one->image(0).bytes[21] == 255);
  CHECK(read_folder(folder / "g", {.broken = nullptr, .ink = Ink::dark})->image(0).bytes[21] == 0);
}

TEST_CASE("folders: what is wrong is said by name") {
  const scratch::Folder folder;
  const std::string f = folder / "f";
  fs::create_directory(f);
  CHECK_THROWS_WITH(read_folder(f), f + ": no .png files in it");
  folder.write("f/loose.png", plain_png(20));
  CHECK_THROWS_WITH(read_folder(f), f + "/loose.png: expected at <class>/<image>.png or "
                                        "<group>/<class>/<image>.png");
  fs::remove(f + "/loose.png");
  folder.write("f/a/1.png", plain_png(20));
  folder.write("f/b/c/1.png", plain_png(20));
  CHECK_THROWS_WITH(read_folder(f), f + "/b/c/1.png: 2 folders deep, the images before it 1: "
                                        "either <class>/<image>.png or "
                                        "<group>/<class>/<image>.png");
  fs::remove_all(f + "/b");
  fs::create_directory_symlink("..", f + "/a/up");
  CHECK_THROWS_WITH(read_folder(f), f + "/a/up: a link back to a folder that holds it");
  fs::remove(f + "/a/up");
  fs::create_symlink("self", f + "/a/self");
  CHECK_THROWS_WITH(read_folder(f), f + "/a/self: Too many levels of symbolic links");
  fs::remove(f + "/a/self");
  fs::create_symlink("nowhere", f + "/a/2.png");
  CHECK_THROWS_WITH(read_folder(f), f + "/a/2.png: no such file");
  fs::remove(f + "/a/2.png");
  CHECK(read_folder(f)->images() == 1);
  if (geteuid() != 0) {  // root reads everything
    folder.write("f/a/3.png", plain_png(20));
    fs::permissions(f + "/a/3.png", fs::perms::none);
    CHECK_THROWS_WITH(read_folder(f), f + "/a/3.png: Permission denied");
  }
}

TEST_CASE("checking: every broken file is named, the rest is read") {
  const scratch::Folder folder;
  folder.write("f/a/1.png", plain_png(20));
  folder.write("f/a/2.png", "\xff\xd8\xff jpeg");
  folder.write("f/b/3.png", "");
  folder.write("f/b/4.png", plain_png(20));
  const DataCheck check = check_data(parse_data("folder:" + (folder / "f")));
  REQUIRE(check.set);
  CHECK(check.set->images() == 2);
  REQUIRE(check.broken.size() == 2);
  CHECK(check.broken[0].file == folder / "f/a/2.png");
  CHECK(check.broken[0].reason == "not a PNG but a JPEG (by its first bytes)");
  CHECK(check.broken[1].file == folder / "f/b/3.png");
  CHECK(check.broken[1].reason == "empty file, a PNG expected");

  const DataCheck none = check_data(parse_data("omniglot:" + (folder / "f/a/1.png")));
  CHECK(!none.set);
  REQUIRE(none.broken.size() == 1);
  CHECK(none.broken[0].file == folder / "f/a/1.png");
  CHECK(none.broken[0].reason == "not a zip archive");
}

TEST_CASE("one-shot task: runs, answers and their errors") {
  const scratch::Folder folder;
  std::vector<Member> members;
  const std::string labels =
      "run01/test/item01.png run01/training/class02.png\nrun01/test/item02.png "
      "run01/training/class01.png\n";
  for (const char* name : {"run01/training/class01.png", "run01/training/class02.png",
                           "run01/test/item01.png", "run01/test/item02.png"})
    members.push_back(member(name, plain_png(20)));
  members.push_back(member("run01/class_labels.txt", {labels.begin(), labels.end()}));
  const OneShotTask task = read_one_shot_task(folder.write("r.zip", scratch::zip(members)));
  REQUIRE(task.runs.size() == 1);
  CHECK(task.runs[0].answers == std::vector<int>{1, 0});
  CHECK(task.runs[0].training.size() == 2);
  CHECK(task.error_percent(0, {1, 1}) == 50);
  CHECK_THROWS_WITH(task.error_percent(0, {1}), "one-shot task: 1 answers given, 2 expected");

  const auto refuse = [&](const std::vector<Member>& m) {
    read_one_shot_task(folder.write("r.zip", scratch::zip(m)));
  };
  const std::string path = folder / "r.zip";
  auto bad = members;
  bad.pop_back();
  CHECK_THROWS_WITH(refuse(bad), path +
                                     ": no runs in it: runNN/training/*.png, runNN/test/*.png "
                                     "and runNN/class_labels.txt expected");
  bad.push_back(member("run01/class_labels.txt", {'x', ' ', 'y', '\n'}));
  CHECK_THROWS_WITH(refuse(bad), path + ": run01/class_labels.txt names x, which is not there");
  bad.back().data = {'x', '\n'};
  CHECK_THROWS_WITH(refuse(bad),
                    path + ": run01/class_labels.txt: line 1: two file names expected");
  bad.back().data.assign(labels.begin(), labels.begin() + 49);
  CHECK_THROWS_WITH(refuse(bad),
                    path + ": run01 has test images that class_labels.txt does not name");
}
