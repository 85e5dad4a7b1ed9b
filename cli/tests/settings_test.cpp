// settings_test.cpp: one declaration, three ways in (command line, file, default) and one out.
#include "settings.hpp"

#include "metatape/autodiff/error.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape::cli;
using scratch::complaint;

namespace {

using Words = std::vector<std::string>;

/// Settings of every kind.
struct Options {
  std::string learner = "prototypical", spec = "strokes", note = "none";
  int way = 5;
  std::uint64_t seed = 1;
  double rate = 0.1;
  bool within = false;
  std::vector<std::string> names;
  std::optional<bool> centre;
  std::optional<std::int64_t> episodes;
  std::optional<double> minutes;
  int threads = 2;
  Settings settings;

  Options() {
    settings.add("learner", learner, "who learns", {.choices = {"prototypical", "matching"}});
    settings.add("way", way, "classes", {.least = 2, .most = 1000});
    settings.add("seed", seed, "of all draws");
    settings.add("rate", rate, "of learning", {.least = 0, .above_least = true});
    settings.add("within", within, "one alphabet");
    settings.add("names", names, "which", {.choices = {"a", "b", "c"}, .what = "letter"});
    settings.add("centre", centre, "ink");
    settings.add("episodes", episodes, "how many", {.least = 1, .most = 1e12, .raisable = true});
    settings.add("minutes", minutes, "how long",
                 {.least = 0, .above_least = true, .raisable = true});
    settings.add("note", note, "anything");
    settings.add("data", spec, "on what",
                 {.value_name = "SPEC", .positional = true, .canonical = [](const std::string& s) {
                    if (s == "bad") throw metatape::DataError("data 'bad' is bad");
                    return s.starts_with("full:") ? s : "full:" + s;
                  }});
    settings.add("threads", threads, "at once", {.least = 1, .most = 64, .result = false});
  }
};

std::string refused(const Words& words) {
  Options o;
  return complaint([&] { o.settings.read_command_line(words); });
}

std::string refused_text(const std::string& text) {
  Options o;
  return complaint([&] { o.settings.read_config_text(text, "x.toml"); });
}

}  // namespace

TEST_CASE("the command line sets what it names, in every spelling") {
  Options o;
  o.settings.read_command_line({"--way", "7", "--rate=1e-3", "--within", "--no-centre", "--names",
                                "a,c", "--seed", "18446744073709551615", "--note", "-5", "--way=9",
                                "here"});
  o.settings.finish();
  CHECK(o.way == 9);  // the last one counts
  CHECK(o.rate == 1e-3);
  CHECK(o.within);
  CHECK((o.centre == false));
  CHECK(o.names == Words{"a", "c"});
  CHECK(o.seed == 18446744073709551615ull);
  CHECK(o.note == "-5");
  CHECK(o.spec == "full:here");
  CHECK(!o.episodes);
  CHECK(o.settings.origin("way") == Origin::command_line);
  CHECK(o.settings.origin("learner") == Origin::unset);
}

TEST_CASE("a repeatable list grows item by item, any other takes the last") {
  std::vector<std::string> along, names;
  Settings settings;
  settings.add("along", along, "lines", {.repeatable = true});
  settings.add("names", names, "which");
  settings.read_command_line({"--along", "a=1:2", "--along=b,c", "--names", "x", "--names", "y"});
  CHECK(along == Words{"a=1:2", "b", "c"});
  CHECK(names == Words{"y"});
}

TEST_CASE("what the command line refuses") {
  const std::pair<Words, std::string> rows[] = {
      {{"--wya", "5"}, "unknown option '--wya'; did you mean '--way'?"},
      {{"--wya=5"}, "unknown option '--wya'; did you mean '--way'?"},
      {{"--learner", "protypical"}, "unknown learner 'protypical'; did you mean 'prototypical'?"},
      {{"--learner", "zzzzz"}, "unknown learner 'zzzzz'; one of prototypical, matching"},
      {{"--names", "a,d"}, "unknown letter 'd'"},
      {{"--way"}, "--way: a value is missing (N)"},
      {{"--way", "--within"}, "--way: a value is missing (N)"},
      {{"--way", "1"}, "--way: 1 is out of range: 2 to 1000"},
      {{"--way", "1001"}, "--way: 1001 is out of range: 2 to 1000"},
      {{"--way", "99999999999"}, "--way: 99999999999 is out of range: 2 to 1000"},
      {{"--way", "5x"}, "--way: '5x' is not a whole number"},
      {{"--way", ""}, "--way: '' is not a whole number"},
      {{"--rate", "0"}, "--rate: 0 is out of range: above 0"},
      {{"--rate", "nan"}, "--rate: nan is not a finite number"},
      {{"--rate", "inf"}, "--rate: inf is not a finite number"},
      {{"--rate", "fast"}, "--rate: 'fast' is not a number"},
      {{"--seed", "18446744073709551616"}, "--seed: 18446744073709551616 does not fit 64 bits"},
      {{"--seed", "-1"}, "--seed: -1 is out of range: at least 0"},
      {{"--data", "bad"}, "data 'bad' is bad"},
      {{"one", "two"}, "'two' is one word too many"},
  };
  for (const auto& [words, says] : rows) {
    INFO(words.back());
    CHECK(refused(words).starts_with(says));
  }
  Options o;
  CHECK_THROWS_AS(o.settings.read_command_line({"--help"}), HelpAsked);
}

TEST_CASE("a file sets what the command line left open") {
  Options o;
  o.settings.read_command_line({"--way", "7"});
  o.settings.read_config_text(
      "command = 'anything'\nversion = '9'\nway = 8\nrate = 2\nnames = ['b']\nthreads = 3\n", "x");
  CHECK(o.way == 7);
  CHECK(o.rate == 2.0);
  CHECK(o.names == Words{"b"});
  CHECK(o.threads == 3);
  CHECK(o.settings.origin("rate") == Origin::config);
}

TEST_CASE("what a file is refused for, with its line") {
  const std::pair<const char*, const char*> rows[] = {
      {"way = 5\nlerner = 'matching'\n", "x.toml:2: unknown key 'lerner'; did you mean 'learner'?"},
      {"way = 'five'\n", "x.toml:1: way: a whole number is expected, this is text"},
      {"way = 5.0\n", "x.toml:1: way: a whole number is expected, this is a number"},
      {"rate = true\n", "x.toml:1: rate: a number is expected, this is true or false"},
      {"within = 1\n", "x.toml:1: within: true or false is expected, this is a whole number"},
      {"learner = 3\n", "x.toml:1: learner: text is expected, this is a whole number"},
      {"names = 'a'\n", "x.toml:1: names: a list of text is expected, this is text"},
      {"names = ['a', 'x']\n", "x.toml:1: unknown letter 'x'"},
      {"\n\nway = 1\n", "x.toml:3: way: 1 is out of range: 2 to 1000"},
      {"rate = nan\n", "x.toml:1: rate: nan is not a finite number"},
      {"seed = -1\n", "x.toml:1: seed: -1 is out of range: at least 0"},
      {"data = 'bad'\n", "x.toml:1: data 'bad' is bad"},
      {"learner = 'protypical'\n",
       "x.toml:1: unknown learner 'protypical'; did you mean 'prototypical'?"},
  };
  for (const auto& [text, says] : rows) {
    INFO(text);
    CHECK(refused_text(text).starts_with(says));
  }
  Options o;
  o.settings.read_config_text("lerner = 1\nway = 9\n", "x", true);
  CHECK(o.way == 9);
}

TEST_CASE("config.toml says every setting of the result and reads back equal") {
  Options a;
  a.settings.read_command_line({"--seed", "18446744073709551615", "--rate", "0.30000000000000004",
                                "--names", "a,b", "--centre", "--note", "a \"quote\"\\"});
  a.settings.finish();
  const std::string text = a.settings.config_text();
  CHECK(text.find("threads") == std::string::npos);   // does not decide the result
  CHECK(text.find("episodes") == std::string::npos);  // has no value
  Options b;
  b.settings.read_config_text(text, "x");
  b.settings.finish();
  CHECK(b.settings.config_text() == text);
  CHECK(b.seed == a.seed);
  CHECK(b.rate == 0.30000000000000004);
  CHECK(b.note == a.note);
  CHECK((b.centre == true));
}

TEST_CASE("what a resume may change") {
  const scratch::Folder folder;
  const auto config = folder / "config.toml";
  scratch::write(config, "way = 5\nepisodes = 100\ndata = \"full:here\"\nrate = 0.1\n");
  const auto resumed = [&](const Words& words) {
    Options o;
    o.settings.read_command_line(words);
    return complaint([&] { o.settings.check_resume(config); });
  };
  CHECK(resumed({}) == "nothing");
  CHECK(resumed({"--way", "5", "--data", "here", "--rate", "1e-1"}) == "nothing");
  CHECK(resumed({"--threads", "7"}) == "nothing");
  CHECK(resumed({"--episodes", "100"}) == "nothing");
  CHECK(resumed({"--episodes", "101"}) == "nothing");
  CHECK(resumed({"--minutes", "3"}) == "nothing");
  const std::string run = config.parent_path().string();
  CHECK(resumed({"--episodes", "99"}) ==
        "--episodes 99: " + run + " was made with 100; it can only be raised");
  CHECK(resumed({"--way", "6"}) ==
        "--way 6: " + run + " was made with 5, and a resume keeps its settings");
  CHECK(resumed({"--data", "there"}) ==
        "--data full:there: " + run + " was made with full:here, and a resume keeps its settings");
  CHECK(resumed({"--centre"}) ==
        "--centre: " + run + " was made without it, and a resume keeps its settings");
  // The check leaves what was asked for in its place.
  Options o;
  o.settings.read_command_line({"--episodes", "200"});
  o.settings.check_resume(config);
  CHECK((o.episodes == 200));
}

TEST_CASE("required settings, and the help") {
  std::string run, out;
  int hidden = 0;
  Settings s;
  s.section("First");
  s.add("run", run, "which", {.value_name = "DIR", .required = true});
  s.section("Second");
  s.add("out", out, "where to", {.default_text = "nowhere"});
  s.add("planned", hidden, "", {.hidden = true});
  CHECK(complaint([&] { s.finish(); }) == "--run DIR is missing");
  CHECK(s.help() ==
        "\nFirst:\n  --run DIR                   which (required)\n"
        "\nSecond:\n  --out NAME                  where to (default nowhere)\n");
  CHECK(s.names() == Words{"run", "out"});
  CHECK_THROWS_AS(s.add("run", run, "again"), std::logic_error);
  CHECK_THROWS_AS(s.origin("nothing"), std::logic_error);
}
