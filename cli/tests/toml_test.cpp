// toml_test.cpp: text that is no settings file, a row each, and that what is written reads back.
#include <limits>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "toml_file.hpp"
#include "toml_guard.hpp"

using namespace metatape::cli;
using scratch::complaint;

namespace {

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

std::string refused(const std::string& text) {
  return complaint([&] { (void)parse_toml(text, "x.toml"); });
}

}  // namespace

TEST_CASE("TOML that is refused, each with its line") {
  struct Row {
    const char* what;
    std::string text, says;
  };
  const Row rows[] = {
      {"NUL", std::string("a = 1\nb\0 = 2\n", 14), "x.toml:2: a NUL byte"},
      {"lone CR", "a = 1\rb = 2\n", "x.toml:1: a carriage return without a line feed"},
      {"CR at the end", "a = 1\r", "x.toml:1: a carriage return without a line feed"},
      {"control character", "a = 1\n\x01", "x.toml:2: a control character (0x01)"},
      {"delete", "# \x7F", "x.toml:1: a control character (0x7F)"},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "a = 1\n",
       "x.toml:1: begins with a byte order mark; plain UTF-8 is expected"},
      {"Latin-1", "a = 1\nb = \"caf\xE9\"\n", "x.toml:2: not UTF-8"},
      {"overlong UTF-8", "# \xC0\xAF", "x.toml:1: not UTF-8"},
      {"a surrogate", "# \xED\xA0\x80", "x.toml:1: not UTF-8"},
      {"beyond Unicode", "# \xF4\x90\x80\x80", "x.toml:1: not UTF-8"},
      {"brackets of a value", "a = " + repeated("[", 10000), "x.toml:1: nested deeper than 16"},
      {"brackets of a table", repeated("[", 10000), "x.toml:1: nested deeper than 16"},
      {"braces", "a = " + repeated("{b=", 10000), "x.toml:1: nested deeper than 16"},
      {"a key of many parts", repeated("a.", 10000) + "b = 1\n",
       "x.toml:1: a key of more than 16 parts"},
      {"a key twice", "way = 1\n\nway = 2\n", "x.toml:3: 'way' is set twice; first on line 1"},
      {"a key twice, quoted", "way = 1\n\"way\" = 2\n",
       "x.toml:2: 'way' is set twice; first on line 1"},
      {"beyond 64 bits", "a = 9223372036854775808\n",
       "x.toml:1: 9223372036854775808 does not fit 64 bits"},
      {"beyond 64 bits, below", "a = -9223372036854775809\n",
       "x.toml:1: -9223372036854775809 does not fit 64 bits"},
      {"beyond 64 bits, hexadecimal", "a = 0x1_0000_0000_0000_0000\n",
       "x.toml:1: 0x1_0000_0000_0000_0000 does not fit 64 bits"},
      {"10 MiB", std::string(std::size_t{10} << 20, '#'), "x.toml: larger than 1 MiB"},
      {"a table", "a = 1\n[b]\nc = 1\n",
       "x.toml: 'b' is a table, where settings are plain `key = value`"},
      {"a date", "a = 2024-01-01\n", "x.toml:1: 'a' is a date or time, which no setting takes"},
      {"a list of numbers", "a = [1, 2]\n", "x.toml:1: 'a' is a list of other things than text"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(refused(row.text) == row.says);
  }
  for (const char* text : {"a = 1\nway: 5\n", "a = 1\nb = \n", "a = 1\nb = \"open\n"}) {
    INFO(text);
    CHECK(refused(text).starts_with("x.toml:2: not valid TOML"));
  }
}

TEST_CASE("TOML that is read: kinds of values, and their lines") {
  const auto entries = parse_toml(
      "# settings\r\nb = true\n\"quoted\" = 'x # y'\nlist = [\"p\", \"q\"] # two\nn = -3\nx = "
      "1e-3\n"
      "least = -9223372036854775808\nmost = 0x7fff_ffff_ffff_ffff\nlong = "
      "\"\"\"\ntwo\nlines\"\"\"\n"
      "after = 1\n",
      "x.toml");
  const std::vector<std::pair<std::string, TomlValue>> expected{
      {"b", true},
      {"quoted", std::string("x # y")},
      {"list", std::vector<std::string>{"p", "q"}},
      {"n", std::int64_t{-3}},
      {"x", 1e-3},
      {"least", std::numeric_limits<std::int64_t>::min()},
      {"most", std::numeric_limits<std::int64_t>::max()},
      {"long", std::string("two\nlines")},
      {"after", std::int64_t{1}}};
  const int lines[] = {2, 3, 4, 5, 6, 7, 8, 9, 12};
  REQUIRE(entries.size() == expected.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    INFO(expected[i].first);
    CHECK(entries[i].key == expected[i].first);
    CHECK((entries[i].value == expected[i].second));
    CHECK(entries[i].line == lines[i]);
  }
}

TEST_CASE("what is written as TOML reads back equal") {
  const TomlValue values[] = {
      true,
      std::int64_t{-7},
      std::numeric_limits<std::int64_t>::min(),
      0.1,
      1.0,
      1e300,
      -5e-324,
      std::string("quote \" backslash \\ newline \n tab \t NUL-free \x7F é 字"),
      std::string(),
      std::vector<std::string>{},
      std::vector<std::string>{"a, b", "[c]", "# d"}};
  for (const TomlValue& value : values) {
    const std::string line = toml_line("key", value);
    INFO(line);
    const auto entries = parse_toml(line, "x.toml");
    REQUIRE(entries.size() == 1);
    CHECK((entries[0].value == value));
  }
}
