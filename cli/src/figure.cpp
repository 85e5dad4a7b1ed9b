#include "figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gnuplot.hpp"
#include "metatape/nn/atomic_file.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

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

std::string head_of(const std::string& name, int width, int height) {
  return fmt::format(
      "# draw it with: gnuplot {0}.gp > {0}.svg\n"
      "set terminal svg size {1},{2} noenhanced font 'sans-serif,13' background '#ffffff'\n"
      "set datafile separator ','\n"
      "set datafile missing ''\n",
      name, width, height);
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

/// Column `column` of the rows of one series.
std::string rows_of(std::size_t series, int column) {
  return fmt::format("(column(1)=={}?column({}):NaN)", series, column);
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

std::string gnuplot_text(const Figure& figure, const std::string& name) {
  const bool bars = !figure.categories.empty();
  const std::string file = quoted_for_gnuplot(name + ".csv");
  // Long names beside the picture would squeeze it; below they make it taller.
  constexpr std::size_t long_name = 24;
  constexpr int line_height = 18;
  const std::size_t n = figure.series.size();
  const bool below = n <= 40 && std::ranges::any_of(figure.series, [](const Series& series) {
                       return series.name.size() > long_name;
                     });
  std::string out = head_of(name, 800, 500 + (below ? line_height * static_cast<int>(n) : 0));
  out += below ? "set key outside bottom center maxcols 1 noautotitle\n"
               : "set key outside right top noautotitle\n";
  out +=
      "set grid ytics lc rgb '#dddddd'\n"
      "set border 3\nset tics nomirror\n";
  out += titles_of(figure);
  if (figure.log_x) out += "set logscale x\nset format x '%g'\n";
  if (figure.log_y) out += "set logscale y\nset format y '%g'\n";
  std::vector<std::string> plots;
  if (n > 40) out += "set key off\n";  // names would fill the picture; the CSV has them
  if (bars) {
    std::string tics;
    std::size_t letters = 0;
    for (std::size_t c = 0; c < figure.categories.size(); ++c) {
      letters += figure.categories[c].size();
      tics +=
          fmt::format("{}{} {}", c > 0 ? ", " : "", quoted_for_gnuplot(figure.categories[c]), c);
    }
    out += fmt::format("set xtics ({}){}\nset xrange [-0.6:{}]\nset style fill solid\n", tics,
                       figure.categories.size() > 6 || letters > 40 ? " rotate by -40" : "",
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
  std::string out = "row,column,row_name,column_name,value\n";
  for (std::size_t r = 0; r < map.rows.size(); ++r)
    for (std::size_t c = 0; c < map.columns.size(); ++c)
      out +=
          fmt::format("{},{},{},{},{}\n", r, c, csv_field(map.rows[r]), csv_field(map.columns[c]),
                      csv_number(map.values, r * map.columns.size() + c));
  return out;
}

std::string gnuplot_text(const HeatMap& map, const std::string& name) {
  const auto tics = [](const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
      out += fmt::format("{}{} {}", i > 0 ? ", " : "", quoted_for_gnuplot(names[i]), i);
    return out;
  };
  const auto rows = map.rows.size(), columns = map.columns.size();
  // Room for names and scale, and a square of 36 pixels each.
  const auto side = [](int room, std::size_t n) {
    return std::max(480, room + 36 * static_cast<int>(std::min<std::size_t>(n, 60)));
  };
  std::string out = head_of(name, side(360, columns), side(240, rows));
  out += titles_of(map);
  out += fmt::format(
      "set xtics ({}) rotate by -40\nset ytics ({})\nset tics nomirror out\n"
      "set xrange [-0.5:{}]\nset yrange [{}:-0.5]\n"
      "set palette defined (0 '#ffffff', 1 '#0072B2')\nset cbrange [0:*]\n",
      tics(map.columns), tics(map.rows), static_cast<double>(columns) - 0.5,
      static_cast<double>(rows) - 0.5);
  const std::string file = quoted_for_gnuplot(name + ".csv");
  out += fmt::format("plot {} every ::1 using 2:1:5 with image notitle", file);
  if (rows <= 12 && columns <= 12)
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
