#include "figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gnuplot.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "report.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

namespace {

std::string csv_number(const std::vector<double>& values, std::size_t i) {
  return i < values.size() && std::isfinite(values[i]) ? fmt::format("{}", values[i]) : "";
}

/// Between single quotes gnuplot reads everything as it stands; a quote is doubled.
std::string quoted_for_gnuplot(const std::string& text) {
  std::string out = "'";
  for (const char c : text)
    if (c == '\'')
      out += "''";
    else
      out += c == '\n' ? ' ' : c;
  return out + "'";
}

template <class F>
std::string titles_of(const F& figure) {
  return fmt::format("set title {}\nset xlabel {}\nset ylabel {}\n",
                     quoted_for_gnuplot(figure.title), quoted_for_gnuplot(figure.x_label),
                     quoted_for_gnuplot(figure.y_label));
}

std::string head_of(const std::string& name, int width, int height, int letters = 13) {
  return fmt::format(
      "# draw it with: gnuplot {0}.gp > {0}.svg\n"
      "set terminal svg size {1},{2} noenhanced font 'sans-serif,{3}' background '#ffffff'\n"
      "set datafile separator ','\n"
      "set datafile missing ''\n",
      name, width, height, letters);
}

/// Colours that are told apart by people who see few (Okabe and Ito, 2008).
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                   "#E69F00", "#56B4E9", "#000000", "#F0E442"};

const char* colour(std::size_t i) { return colours[i % std::size(colours)]; }

/// Discs, squares, triangles, diamonds: one more shape each time the colours begin anew.
int mark(std::size_t i) {
  constexpr int marks[] = {7, 5, 9, 13};
  return marks[i / std::size(colours) % std::size(marks)];
}

/// Column `column` of the rows of one series. An empty field lifts the pen: gnuplot would draw on
/// over what is merely missing.
std::string rows_of(std::size_t series, int column) {
  return fmt::format("(column(1)=={0}&&valid({1})?column({1}):NaN)", series, column);
}

}  // namespace

std::string csv_text(const Figure& figure) {
  const bool bars = !figure.categories.empty();
  std::string out = bars ? "number,series,category,y,low,high\n" : "number,series,x,y,low,high\n";
  for (std::size_t s = 0; s < figure.series.size(); ++s) {
    const Series& series = figure.series[s];
    for (std::size_t i = 0; i < series.y.size(); ++i)
      out += fmt::format("{},{},{},{},{},{}\n", s, csv_field(series.name),
                         bars ? csv_field(figure.categories.at(i)) : csv_number(series.x, i),
                         csv_number(series.y, i), csv_number(series.low, i),
                         csv_number(series.high, i));
  }
  return out;
}

namespace {

std::string wide_head(const Figure& figure, const std::string& name) {
  // Long names beside the picture would squeeze it; below they make it taller.
  constexpr std::size_t long_name = 24;
  constexpr int line_height = 18;
  const std::size_t n = figure.series.size();
  const bool below = n <= 40 && std::ranges::any_of(figure.series, [](const Series& series) {
                       return series.name.size() > long_name;
                     });
  return head_of(name, 800, 500 + (below ? line_height * static_cast<int>(n) : 0)) +
         (below ? "set key outside bottom center maxcols 1 noautotitle\n"
                : "set key outside right top noautotitle\n");
}

/// Names of bars that would run into each other when level.
bool turned(const std::vector<std::string>& categories) {
  std::size_t letters = 0;
  for (const std::string& c : categories) letters += c.size();
  return categories.size() > 6 || letters > 40;
}

/// Names below the picture, in as many columns as have room.
std::string compact_head(const Figure& figure, const std::string& name) {
  constexpr int width = 480, height = 320, letters = 14, line_height = 21;
  constexpr int key_width = 400, letter_width = 9, sample_width = 60;  // as gnuplot reckons
  std::size_t longest = 0, named = 0;
  const auto count = [&](const std::string& text) {
    if (text.empty()) return;
    longest = std::max(longest, text.size());
    ++named;
  };
  for (const Series& series : figure.series) count(series.name);
  for (const auto& level : figure.levels) count(level.first);
  const int columns =
      std::max(1, key_width / (letter_width * static_cast<int>(longest) + sample_width));
  const int lines = (static_cast<int>(named) + columns - 1) / columns;
  const bool long_tics = turned(figure.categories);
  const int room = long_tics ? 90 : 0;
  const bool curves =
      figure.categories.empty() && std::ranges::none_of(figure.series, &Series::points);
  return head_of(name, width, height + room + line_height * lines, letters) +
         fmt::format(
             "set key outside bottom center horizontal maxcols {} Left reverse samplen 2 "
             "noautotitle\n",
             columns) +
         (long_tics ? "" : fmt::format("set bmargin {:.1f}\n", 3.8 + lines)) +
         (curves ? "set autoscale xfix\n" : "");
}

// Of an axis that is logarithmic on both sides of 0: as many powers of ten as have room.
std::string signed_tics(const Figure& figure) {
  double most = 1, least = 0;
  for (const Series& s : figure.series)
    for (const std::vector<double>* values : {&s.y, &s.low, &s.high})
      for (const double y : *values)
        if (std::isfinite(y)) {
          most = std::max(most, std::abs(y));
          least = std::min(least, y);
        }
  const int a_side = least < -1 ? 5 : 9;
  const int decades = static_cast<int>(std::floor(std::log10(most))) + 1;  // from 0.1 up
  const int every = decades / a_side + 1;
  std::string tics = "0";
  for (int power = every == 1 ? -1 : every - 1; power < decades; power += every)
    tics += fmt::format(", 1e{0}, -1e{0}", power);
  return tics;
}

}  // namespace

std::string gnuplot_text(const Figure& figure, const std::string& name) {
  const bool bars = !figure.categories.empty();
  const std::string file = quoted_for_gnuplot(name + ".csv");
  const std::size_t n = figure.series.size();
  std::string out = figure.compact ? compact_head(figure, name) : wide_head(figure, name);
  out +=
      "set grid ytics lc rgb '#dddddd'\n"
      "set border 3\nset tics nomirror\n";
  out += titles_of(figure);
  if (figure.log_x) out += "set logscale x\nset format x '%g'\n";
  if (figure.log_y) out += "set logscale y\nset format y '%g'\n";
  if (!figure.x_tics.empty()) {
    std::string tics;
    for (const double x : figure.x_tics)
      tics += fmt::format("{}'{:.6g}' {:.17g}", tics.empty() ? "" : ", ", x, x);
    // A little beyond the outer ones, which rounding would take away.
    constexpr double slack = 1e-3;
    const auto [least, most] = std::ranges::minmax(figure.x_tics);
    const double beyond = figure.log_x ? slack * least : slack * (most - least);
    out += fmt::format("set xtics ({})\nset xrange [{:.17g}:{:.17g}]\n", tics, least - beyond,
                       most + (figure.log_x ? slack * most : beyond));
  }
  if (figure.signed_log_y)
    out += fmt::format("set nonlinear y via asinh(50*y) inverse sinh(y)/50\nset ytics ({})\n",
                       signed_tics(figure));
  if (std::isfinite(figure.most_y)) out += fmt::format("set yrange [*:{:.17g}]\n", figure.most_y);
  std::vector<std::string> plots;
  if (n > 40) out += "set key off\n";  // names would fill the picture; the CSV has them
  if (bars) {
    std::string tics;
    for (std::size_t c = 0; c < figure.categories.size(); ++c)
      tics +=
          fmt::format("{}{} {}", c > 0 ? ", " : "", quoted_for_gnuplot(figure.categories[c]), c);
    out += fmt::format("set xtics ({}){}\nset xrange [-0.6:{}]\nset style fill solid\n", tics,
                       turned(figure.categories) ? " rotate by -40" : "",
                       static_cast<double>(figure.categories.size()) - 0.4);
    const bool marks = std::ranges::all_of(figure.series, &Series::points);
    if (!figure.log_y && !marks) out += "set yrange [0:*]\n";
  }
  for (std::size_t s = 0; s < n; ++s) {
    const Series& series = figure.series[s];
    const std::string title =
        series.name.empty() ? "" : " title " + quoted_for_gnuplot(series.name);
    const bool spread = !series.low.empty();
    if (bars) {
      const double width = 0.8 / static_cast<double>(n);
      const double offset = (static_cast<double>(s) - (static_cast<double>(n) - 1) / 2) * width;
      // Rows of series s begin after those of the series before it.
      std::size_t before = 1;
      for (std::size_t e = 0; e < s; ++e) before += figure.series[e].y.size();
      const std::string place = fmt::format("(column(0)-{}+{:.4f})", before - 1, offset);
      const std::string x = fmt::format("(column(1)=={}?{}:NaN)", s, place);
      const std::string values = fmt::format("{} every ::1 using {}:{}", file, x, rows_of(s, 4));
      const std::string ends = spread ? fmt::format(":{}:{}", rows_of(s, 5), rows_of(s, 6)) : "";
      if (series.points) {
        plots.push_back(fmt::format("{}{} with {} pt 7 ps 0.8 lc rgb '{}'{}", values, ends,
                                    spread ? "yerrorbars" : "points", colour(s), title));
        continue;
      }
      plots.push_back(fmt::format("{}:({:.4f}) with boxes lc rgb '{}'{}", values, width * 0.95,
                                  colour(s), title));
      if (spread)
        plots.push_back(fmt::format("{}{} with yerrorbars pt -1 lc rgb '#000000'", values, ends));
      continue;
    }
    const std::size_t of = series.colour < 0 ? s : static_cast<std::size_t>(series.colour);
    if (spread)
      plots.push_back(
          fmt::format("{} every ::1 using {}:{}:{} with filledcurves fs transparent solid "
                      "0.2 noborder lc rgb '{}'",
                      file, rows_of(s, 3), rows_of(s, 5), rows_of(s, 6), colour(of)));
    plots.push_back(fmt::format(
        "{} every ::1 using {}:{} with {} lc rgb '{}'{}", file, rows_of(s, 3), rows_of(s, 4),
        series.points ? fmt::format("points pt {} ps {}", mark(of), series.large ? 1.6 : 0.6)
                      : "lines lw 2",
        colour(of), title));
  }
  for (const auto& [level, y] : figure.levels)
    plots.push_back(fmt::format("{:.17g} with lines dt 3 lc rgb '#555555' title {}", y,
                                quoted_for_gnuplot(level)));
  for (std::size_t i = 0; i < plots.size(); ++i)
    out += (i == 0 ? "plot " : ", \\\n     ") + plots[i];
  return out + "\n";
}

std::string csv_text(const HeatMap& map) {
  const bool arrows = !map.arrows.empty();
  std::string out = fmt::format("row,column,row_name,column_name,value{}\n",
                                arrows ? ",number,arrows,right,down" : "");
  for (std::size_t r = 0; r < map.rows.size(); ++r)
    for (std::size_t c = 0; c < map.columns.size(); ++c)
      out +=
          fmt::format("{},{},{},{},{}{}\n", r, c, csv_field(map.rows[r]), csv_field(map.columns[c]),
                      csv_number(map.values, r * map.columns.size() + c), arrows ? ",,,," : "");
  for (std::size_t k = 0; k < map.arrows.size(); ++k) {
    const Arrows& a = map.arrows[k];
    for (std::size_t i = 0; i < a.row.size(); ++i)
      out += fmt::format("{},{},,,,{},{},{},{}\n", a.row[i], a.column[i], k, csv_field(a.name),
                         a.right[i], a.down[i]);
  }
  return out;
}

namespace {

/// What draws the arrows, all on broader white ones, so that they are seen on dark and on light,
/// and the later the thinner: arrows that agree lie on each other.
std::vector<std::string> arrow_plots(const HeatMap& map, const std::string& file) {
  constexpr double longest_head = 0.022, head_share = 0.4;    // of the picture; of an arrow
  constexpr double thinnest = 1.6, thicker = 1.4, rim = 2.4;  // in pixels
  std::vector<std::string> rims, plots;
  for (std::size_t k = 0; k < map.arrows.size(); ++k) {
    const Arrows& a = map.arrows[k];
    double length = 0;
    for (std::size_t i = 0; i < a.row.size(); ++i)
      length = std::max(length, std::hypot(a.right[i] / static_cast<double>(map.columns.size()),
                                           a.down[i] / static_cast<double>(map.rows.size())));
    const auto tail = [&](int place, int extent) {
      return fmt::format("(column(6)=={}?column({})-column({})/2:NaN)", k, place, extent);
    };
    const std::string vectors = fmt::format(
        "{} every ::{} using {}:{}:8:9 with vectors head filled size graph {:.4f},22,60", file,
        1 + map.rows.size() * map.columns.size(), tail(2, 8), tail(1, 9),
        std::min(longest_head, head_share * length));
    const double width = thinnest + thicker * static_cast<double>(map.arrows.size() - 1 - k);
    rims.push_back(fmt::format("{} lw {} lc rgb '#ffffff' notitle", vectors, width + rim));
    plots.push_back(fmt::format("{} lw {} lc rgb '{}' title {}", vectors, width, colour(k + 1),
                                quoted_for_gnuplot(a.name)));
  }
  rims.insert(rims.end(), plots.begin(), plots.end());
  return rims;
}

}  // namespace

std::string gnuplot_text(const HeatMap& map, const std::string& name) {
  const auto tics = [](const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!names[i].empty())
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", quoted_for_gnuplot(names[i]), i);
    return out;
  };
  const auto rows = map.rows.size(), columns = map.columns.size();
  // Room for names and scale, and a square of 36 pixels each.
  const auto side = [](int room, std::size_t n) {
    return std::max(480, room + 36 * static_cast<int>(std::min<std::size_t>(n, 60)));
  };
  // Names of arrows below the picture, a line each.
  constexpr int line_height = 21;
  const int names = line_height * static_cast<int>(map.arrows.size());
  std::string out = map.compact ? head_of(name, 480, 400 + names, 14)
                                : head_of(name, side(360, columns), side(240, rows) + names);
  if (names > 0)
    out += fmt::format(
        "set key outside bottom center maxcols 1 Left reverse samplen 2\nset bmargin {:.1f}\n",
        4.9 + 1.2 * static_cast<double>(map.arrows.size()));
  out += titles_of(map);
  out += fmt::format(
      "set xtics ({}) rotate by -40\nset ytics ({})\nset tics nomirror out\n"
      "set xrange [-0.5:{}]\nset yrange [{}:-0.5]\n"
      "set palette defined (0 '{}', 1 '{}')\n",
      tics(map.columns), tics(map.rows), static_cast<double>(columns) - 0.5,
      static_cast<double>(rows) - 0.5, map.dark_is_low ? colours[0] : "#ffffff",
      map.dark_is_low ? "#ffffff" : colours[0]);
  if (map.logarithmic) out += "set logscale cb\nset format cb '%g'\n";
  if (map.from_zero || std::isfinite(map.most))
    out += fmt::format("set cbrange [{}:{}]\n", map.from_zero ? "0" : "*",
                       std::isfinite(map.most) ? fmt::format("{:.17g}", map.most) : "*");
  const std::string file = quoted_for_gnuplot(name + ".csv");
  const bool arrows = !map.arrows.empty();
  out += fmt::format("plot {} every ::1::{} using 2:1:5 with image notitle", file, rows * columns);
  for (const std::string& plot : arrow_plots(map, file)) out += ", \\\n     " + plot;
  if (!arrows && rows <= 12 && columns <= 12)
    out += fmt::format(
        ", \\\n     {} every ::1 using 2:1:(valid(5) ? sprintf('%.2g', column(5)) : '') with "
        "labels notitle",
        file);
  return out + "\n";
}

namespace {

bool write_drawn(const std::string& csv, const std::string& script_text, const fs::path& folder,
                 const std::string& name, Console& console) {
  const fs::path script = folder / (name + ".gp"), svg = folder / (name + ".svg");
  nn::write_atomically(folder / (name + ".csv"), csv);
  nn::write_atomically(script, script_text);
  const auto drawing = run_gnuplot(folder, script.filename().string());
  if (drawing && !drawing->svg.empty()) {
    nn::write_atomically(svg, drawing->svg);
    fs::remove(script);
    return true;
  }
  console.note(fmt::format("{} is not drawn ({}); draw it with: cd {} && gnuplot {}.gp > {}.svg",
                           svg.string(), drawing ? drawing->reason : "gnuplot is not installed",
                           folder.empty() ? "." : folder.string(), name, name));
  return false;
}

}  // namespace

bool write_figure(Figure figure, const fs::path& folder, const std::string& name,
                  Console& console) {
  std::erase_if(figure.series, [](const Series& s) { return s.y.empty(); });
  if (figure.series.empty()) return false;
  return write_drawn(csv_text(figure), gnuplot_text(figure, name), folder, name, console);
}

bool write_figure(const HeatMap& map, const fs::path& folder, const std::string& name,
                  Console& console) {
  if (std::ranges::none_of(map.values, [](double v) { return std::isfinite(v); })) return false;
  return write_drawn(csv_text(map), gnuplot_text(map, name), folder, name, console);
}

}  // namespace metatape::cli
