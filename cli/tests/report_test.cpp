// report_test.cpp: numbers for programs and tables for people.
#include "report.hpp"

#include <cmath>
#include <limits>

#include "progress.hpp"
#include "support/catch.hpp"

using namespace metatape::cli;

TEST_CASE("JSON has null where there is no number, and keeps its order") {
  CHECK(json_text({{"b", std::nan("")},
                   {"a", std::numeric_limits<double>::infinity()},
                   {"c", {1.5, std::nan("")}}}) == "{\"b\":null,\"a\":null,\"c\":[1.5,null]}\n");
  CHECK(json_text("caf\xE9") == "\"caf\xEF\xBF\xBD\"\n");  // a file name that is not UTF-8
  CHECK(Json::parse(json_text({{"x", 0.1}}, true)) == Json{{"x", 0.1}});
}

TEST_CASE("the summary object has the promised fields") {
  const Json s = summary_object({.command = {"metatape", "data", "show"},
                                 .seed = 18446744073709551615ull,
                                 .threads = 3,
                                 .wall_s = 1.23456},
                                {{"x", 1}});
  std::vector<std::string> fields;
  for (const auto& [name, value] : s.items()) fields.push_back(name);
  CHECK(fields == std::vector<std::string>{"command", "version", "seed", "threads", "machine",
                                           "wall_s", "peak_rss_mib", "interrupted", "result"});
  CHECK(s["seed"] == 18446744073709551615ull);
  CHECK(s["wall_s"] == 1.235);
  CHECK(s["peak_rss_mib"].get<double>() > 1);
  CHECK(!s["machine"]["blas"].get<std::string>().empty());
  CHECK(!s["machine"]["simd"].get<std::string>().empty());
}

TEST_CASE("tables: the first column to the left, widths of what is seen") {
  Table t({"name", "value", "note"});
  t.left(2);
  t.row({"é", "± 1.00", "x"});
  t.row({"longer", "2", ""});
  t.row({"short"});
  CHECK(t.text() ==
        "name     value  note\n"
        "é       ± 1.00  x\n"
        "longer       2\n"
        "short\n");
}

TEST_CASE("objects as CSV: flat fields alone, nothing where there is no number") {
  const Json rows = {{{"name", "a, \"b\""}, {"x", 0.1}, {"list", nullptr}, {"n", 3}},
                     {{"name", "c"}, {"x", std::nan("")}, {"list", {1, 2}}, {"n", nullptr}}};
  CHECK(csv_text(rows) == "name,x,n\n\"a, \"\"b\"\"\",0.1,3\nc,,\n");
  CHECK(csv_text(Json::array()).empty());
}

TEST_CASE("numbers as people read them") {
  CHECK(fixed(1.005, 1) == "1.0");
  CHECK(fixed(std::nan(""), 2) == "-");
  CHECK(percent(0.98734) == "98.73 %");
  CHECK(percent(INFINITY) == "-");
  CHECK(scientific(1.49e-9) == "1.5e-09");
  CHECK(joined({"a", "b", "a"}, ", ") == "a, b, a");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(-1234) == "-1,234");
  CHECK(grouped(999) == "999");
  CHECK(clock_text(45) == "0:45");
  CHECK(clock_text(723) == "12:03");
  CHECK(clock_text(11100) == "3:05:00");
}

TEST_CASE("the line of progress") {
  CHECK(progress_line({.total = 5000, .start = 200}, 1200, 10,
                      {{"loss", 0.41234}, {"accuracy", std::nan("")}}) ==
        "1,200/5,000 episodes  24 %  100/s  loss 0.4123  0:38 left");
  CHECK(progress_line({.what = "ops"}, 0, 0, {}) == "0 ops");
  CHECK(progress_line({.total = 1000, .seconds = 12}, 10, 10, {}).ends_with("  0:02 left"));
}
