// figure_test.cpp: numbers as CSV, a drawing as SVG where there is gnuplot, a word where not.
#include "figure.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "gnuplot.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape::cli;
namespace fs = std::filesystem;

namespace {

/// The PATH for as long as this lives.
class Path {
 public:
  explicit Path(const std::string& path) : old_(std::getenv("PATH") ? std::getenv("PATH") : "") {
    ::setenv("PATH", path.c_str(), 1);
  }
  ~Path() { ::setenv("PATH", old_.c_str(), 1); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

 private:
  std::string old_;
};

Figure curve() {
  return {.title = "It's a \"title\"",
          .x_label = "x",
          .y_label = "y",
          .log_y = true,
          .series = {{.name = "a, b", .x = {1, 2, 3}, .y = {0.5, std::nan(""), 2}},
                     {.name = "c", .x = {1, 2}, .y = {1, 1}, .low = {0.5, 0.5}, .high = {2, 2}}},
          .levels = {{"chance", 0.2}}};
}

Figure bars() {
  return {.title = "bars",
          .y_label = "%",
          .series = {{.name = "m", .y = {1, 2}, .low = {0, 1}, .high = {2, 3}},
                     {.name = "n", .y = {3, 4}}},
          .categories = {"one", "two, too"}};
}

}  // namespace

TEST_CASE("CSV: a row a point, what is not finite is empty") {
  CHECK(csv_text(curve()) ==
        "number,series,x,y,low,high\n"
        "0,\"a, b\",1,0.5,,\n0,\"a, b\",2,,,\n0,\"a, b\",3,2,,\n"
        "1,c,1,1,0.5,2\n1,c,2,1,0.5,2\n");
  CHECK(csv_text(bars()) ==
        "number,series,category,y,low,high\n"
        "0,m,one,1,0,2\n0,m,\"two, too\",2,1,3\n1,n,one,3,,\n1,n,\"two, too\",4,,\n");
}

TEST_CASE("the script keeps a user's text text") {
  Figure f = curve();
  f.title = "'; system('true'); '\n";
  CHECK(gnuplot_text(f, "x").find("set title '''; system(''true''); '' '\n") != std::string::npos);
}

TEST_CASE("tics: where they are asked for, and of either sign as many as have room") {
  Figure f = curve();
  CHECK(gnuplot_text(f, "x").find("set xtics (") == std::string::npos);
  f.x_tics = {0.003, 20};
  CHECK(gnuplot_text(f, "x").find("set xtics ('0.003' 0.003") != std::string::npos);
  CHECK(gnuplot_text(f, "x").find("'20' 20)") != std::string::npos);
  f.log_y = false;
  f.signed_log_y = true;
  CHECK(gnuplot_text(f, "x").find("set ytics (0, 1e-1, -1e-1, 1e0, -1e0)\n") != std::string::npos);
  f.series[1].low[0] = -3e11;
  CHECK(gnuplot_text(f, "x").find(
            "set ytics (0, 1e2, -1e2, 1e5, -1e5, 1e8, -1e8, 1e11, -1e11)\n") != std::string::npos);
}

TEST_CASE("long names stand below the picture") {
  Figure f = curve();
  CHECK(gnuplot_text(f, "x").find("set key outside right top") != std::string::npos);
  CHECK(gnuplot_text(f, "x").find("size 800,500") != std::string::npos);
  f.series[1].name = "Ojibwe_(Canadian_Aboriginal_Syllabics)/character12";
  CHECK(gnuplot_text(f, "x").find("set key outside bottom") != std::string::npos);
  CHECK(gnuplot_text(f, "x").find("size 800,536") != std::string::npos);
}

TEST_CASE("with gnuplot: CSV and SVG, and nothing else") {
  const scratch::Folder scratch;
  if (!run_gnuplot(scratch / "", "none.gp")) {
    std::printf("SKIPPED: gnuplot is not installed\n");
    return;
  }
  Console console({.quiet = true});
  for (const auto& [figure, name] : {std::pair{curve(), "curve"}, std::pair{bars(), "bars"}}) {
    INFO(name);
    CHECK(write_figure(figure, scratch / "", name, console));
    const std::string base = (scratch / name).string();
    CHECK(scratch::read(base + ".svg").find("</svg>") != std::string::npos);
    CHECK(scratch::read(base + ".csv") == csv_text(figure));
    CHECK(!fs::exists(base + ".gp"));
  }
  CHECK(std::distance(fs::directory_iterator(scratch / ""), {}) == 4);
}

TEST_CASE("what has no point is not drawn") {
  const scratch::Folder scratch;
  Console console({.quiet = true});
  Figure with = curve(), none;
  with.series.push_back({.name = "nothing yet"});
  none.series.push_back({.name = "nothing yet"});
  CHECK(write_figure(with, scratch / "", "with", console));
  CHECK(scratch::read(scratch / "with.csv") == csv_text(curve()));
  CHECK(!write_figure(none, scratch / "", "none", console));
  CHECK(!fs::exists(scratch / "none.csv"));
}

TEST_CASE("without gnuplot: CSV and the script that would draw it") {
  const scratch::Folder scratch;
  const Path none("/nowhere");
  CHECK(!run_gnuplot(scratch / "", "x.gp"));
  Console console({.quiet = true});
  CHECK(!write_figure(curve(), scratch / "", "curve", console));
  CHECK(fs::exists(scratch / "curve.csv"));
  CHECK(scratch::read(scratch / "curve.gp") == gnuplot_text(curve(), "curve"));
  CHECK(!fs::exists(scratch / "curve.svg"));
}

TEST_CASE("a gnuplot that fails is said, and leaves no picture") {
  const scratch::Folder scratch;
  for (const char* script : {"#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '<svg> cut'\n"}) {
    scratch::write(scratch / "gnuplot", script);
    fs::permissions(scratch / "gnuplot", fs::perms::owner_all);
    const Path ours((scratch / "").parent_path().string());
    const auto drawing = run_gnuplot(scratch / "", "x.gp");
    REQUIRE(drawing);
    CHECK(drawing->svg.empty());
    CHECK(drawing->reason == "gnuplot did not draw it");
    Console console({.quiet = true});
    CHECK(!write_figure(curve(), scratch / "", "curve", console));
    CHECK(!fs::exists(scratch / "curve.svg"));
  }
}

TEST_CASE("a heat map: its numbers by row and column, squares drawn of them") {
  const HeatMap map{.title = "who is taken for whom",
                    .x_label = "answer",
                    .y_label = "query",
                    .columns = {"a", "b, c"},
                    .rows = {"it's"},
                    .values = {0.25, std::nan("")}};
  CHECK(csv_text(map) ==
        "row,column,row_name,column_name,value\n0,0,it's,a,0.25\n0,1,it's,\"b, c\",\n");
  const std::string script = gnuplot_text(map, "map");
  CHECK(script.find("with image") != std::string::npos);
  CHECK(script.find("set ytics ('it''s' 0)") != std::string::npos);
  CHECK(script.find("with labels") != std::string::npos);
  const scratch::Folder scratch;
  Console console({.quiet = true});
  CHECK_FALSE(write_figure(HeatMap{.columns = {"a"}, .rows = {"b"}, .values = {std::nan("")}},
                           scratch / "", "empty", console));
  CHECK(fs::is_empty(scratch / ""));
}

TEST_CASE("a heat map with arrows: a row each behind the squares, drawn where gnuplot is") {
  const HeatMap map{
      .columns = {"a", "b"},
      .rows = {"c"},
      .values = {1, 2},
      .arrows = {
          {.name = "up, left", .column = {0.5}, .row = {0}, .right = {-0.25}, .down = {-0.5}},
          {.name = "down", .column = {1}, .row = {0}, .right = {0}, .down = {1}}}};
  CHECK(csv_text(map) ==
        "row,column,row_name,column_name,value,number,arrows,right,down\n"
        "0,0,c,a,1,,,,\n0,1,c,b,2,,,,\n"
        "0,0.5,,,,0,\"up, left\",-0.25,-0.5\n0,1,,,,1,down,0,1\n");
  const std::string script = gnuplot_text(map, "map");
  CHECK(script.find("every ::1::2 using 2:1:5 with image") != std::string::npos);
  CHECK(script.find("every ::3 using (column(6)==1?column(2)-column(8)/2:NaN)") !=
        std::string::npos);
  CHECK(script.find("title 'up, left'") != std::string::npos);
  CHECK(script.find("with labels") == std::string::npos);
  const scratch::Folder scratch;
  if (!run_gnuplot(scratch / "", "none.gp")) return;
  Console console({.quiet = true});
  HeatMap without = map;
  without.arrows.clear();
  REQUIRE(write_figure(map, scratch / "", "with", console));
  REQUIRE(write_figure(without, scratch / "", "without", console));
  const auto drawn = [&](const char* name, const char* what) {
    return scratch::read(scratch / name).find(what) != std::string::npos;
  };
  CHECK(drawn("with.svg", "down"));
  for (const char* colour : {"213,  94,   0", "  0, 158, 115"}) {
    INFO(colour);
    CHECK(drawn("with.svg", colour));
    CHECK_FALSE(drawn("without.svg", colour));
  }
}

TEST_CASE("marks with whiskers do not begin at 0, bars do") {
  Figure marks = bars();
  CHECK(gnuplot_text(marks, "f").find("set yrange [0:*]") != std::string::npos);
  for (Series& s : marks.series) s.points = true;
  const std::string script = gnuplot_text(marks, "f");
  CHECK(script.find("set yrange") == std::string::npos);
  CHECK(script.find("with yerrorbars pt 7") != std::string::npos);
  CHECK(script.find("with boxes") == std::string::npos);
}

TEST_CASE("a compact figure is smaller, with names below in columns that have room") {
  Figure f = curve();
  f.compact = true;
  const std::string script = gnuplot_text(f, "x");
  CHECK(script.find("size 480,341") != std::string::npos);  // a line for three short names
  CHECK(script.find("sans-serif,14") != std::string::npos);
  CHECK(script.find("maxcols 3 ") != std::string::npos);
  f.series[0].name = "the longest run in windows";
  CHECK(gnuplot_text(f, "x").find("size 480,383") != std::string::npos);
  CHECK(gnuplot_text(f, "x").find("maxcols 1 ") != std::string::npos);
}

TEST_CASE("scales: a highest value, both signs over many sizes") {
  Figure f = curve();
  CHECK(gnuplot_text(f, "x").find("set yrange") == std::string::npos);
  f.most_y = 1500;
  CHECK(gnuplot_text(f, "x").find("set yrange [*:1500]") != std::string::npos);
  f.log_y = false;
  f.signed_log_y = true;
  CHECK(gnuplot_text(f, "x").find("set nonlinear y") != std::string::npos);
}

TEST_CASE("a compact heat map: tics that have names, dark or light at the bottom") {
  const scratch::Folder scratch;
  HeatMap map{.columns = {"1", "", "3"},
              .rows = {"a", ""},
              .values = {1, 10, 100, 1e3, 1e9, std::nan("")},
              .from_zero = false,
              .logarithmic = true,
              .dark_is_low = true,
              .most = 1e4,
              .compact = true};
  const std::string script = gnuplot_text(map, "m");
  CHECK(script.find("set xtics ('1' 0, '3' 2)") != std::string::npos);
  CHECK(script.find("set cbrange [*:10000]") != std::string::npos);
  CHECK(script.find("defined (0 '#0072B2', 1 '#ffffff')") != std::string::npos);
  Console console({.quiet = true});
  if (run_gnuplot(scratch / "", "none.gp")) CHECK(write_figure(map, scratch / "", "m", console));
}
