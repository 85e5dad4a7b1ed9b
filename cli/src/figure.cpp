#include "figure.hpp"

#include <fmt/format.h>

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

/// Colours that are told apart by people who see few (Okabe and Ito, 2008).
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                   "#E69F00", "#56B4E9", "#000000", "#F0E442"};

const char* colour(std::size_t i) { return colours[i % std::size(colours)]; }

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
  std::string out = fmt::format("# draw it with: gnuplot {0}.gp > {0}.svg\n", name);
  out +=
      "set terminal svg size 800,500 noenhanced font 'sans-serif,13' background '#ffffff'\n"
      "set datafile separator ','\n"
      "set datafile missing ''\n"
      "set key outside right top noautotitle\n"
      "set grid ytics lc rgb '#dddddd'\n"
      "set border 3\nset tics nomirror\n";
  out +=
      fmt::format("set title {}\nset xlabel {}\nset ylabel {}\n", quoted_for_gnuplot(figure.title),
                  quoted_for_gnuplot(figure.x_label), quoted_for_gnuplot(figure.y_label));
  if (figure.log_x) out += "set logscale x\nset format x '%g'\n";
  if (figure.log_y) out += "set logscale y\nset format y '%g'\n";
  std::vector<std::string> plots;
  const std::size_t n = figure.series.size();
  if (bars) {
    std::string tics;
    for (std::size_t c = 0; c < figure.categories.size(); ++c)
      tics +=
          fmt::format("{}{} {}", c > 0 ? ", " : "", quoted_for_gnuplot(figure.categories[c]), c);
    out += fmt::format("set xtics ({}){}\nset xrange [-0.6:{}]\nset style fill solid\n", tics,
                       figure.categories.size() > 6 ? " rotate by -40" : "",
                       static_cast<double>(figure.categories.size()) - 0.4);
    if (!figure.log_y) out += "set yrange [0:*]\n";
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
      plots.push_back(fmt::format("{} every ::1 using {}:{}:({:.4f}) with boxes lc rgb '{}'{}",
                                  file, x, rows_of(s, 4), width * 0.95, colour(s), title));
      if (spread)
        plots.push_back(
            fmt::format("{} every ::1 using {}:{}:{}:{} with yerrorbars pt -1 lc rgb "
                        "'#000000'",
                        file, x, rows_of(s, 4), rows_of(s, 5), rows_of(s, 6)));
      continue;
    }
    if (spread)
      plots.push_back(
          fmt::format("{} every ::1 using {}:{}:{} with filledcurves fs transparent solid "
                      "0.2 noborder lc rgb '{}'",
                      file, rows_of(s, 3), rows_of(s, 5), rows_of(s, 6), colour(s)));
    plots.push_back(fmt::format(
        "{} every ::1 using {}:{} with {} lc rgb '{}'{}", file, rows_of(s, 3), rows_of(s, 4),
        series.points ? "points pt 7 ps 0.6" : "lines lw 2", colour(s), title));
  }
  for (const auto& [level, y] : figure.levels)
    plots.push_back(fmt::format("{:.17g} with lines dt 3 lc rgb '#555555' title {}", y,
                                quoted_for_gnuplot(level)));
  for (std::size_t i = 0; i < plots.size(); ++i)
    out += (i == 0 ? "plot " : ", \\\n     ") + plots[i];
  return out + "\n";
}

bool write_figure(Figure figure, const fs::path& folder, const std::string& name,
                  Console& console) {
  std::erase_if(figure.series, [](const Series& s) { return s.y.empty(); });
  if (figure.series.empty()) return false;
  const fs::path script = folder / (name + ".gp"), svg = folder / (name + ".svg");
  nn::write_atomically(folder / (name + ".csv"), csv_text(figure));
  nn::write_atomically(script, gnuplot_text(figure, name));
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

}  // namespace metatape::cli
