// figure.hpp: a figure as NAME.csv (the numbers) and NAME.svg (gnuplot's drawing of them).
// Without gnuplot on the PATH the run succeeds all the same: NAME.gp is kept and a note says how to
// draw it.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "console.hpp"

namespace metatape::cli {

/// A curve, or one colour of bars. `low` and `high` (empty or as long as y) make a band or
/// whiskers.
struct Series {
  std::string name{};
  std::vector<double> x{}, y{};
  std::vector<double> low{}, high{};
  bool points = false;  ///< marks instead of a line
  int colour = -1;      ///< the number of the series whose colour it shares; -1: its own
  bool large = false;   ///< marks that stand out
};

struct Figure {
  std::string title{}, x_label{}, y_label{};
  bool log_x = false, log_y = false;
  std::vector<double> x_tics{};  ///< few x that all series share; empty: gnuplot's choice
  /// Of either sign over many sizes: linear near 0, logarithmic beyond. Not with log_y.
  bool signed_log_y = false;
  double most_y = std::numeric_limits<double>::infinity();  ///< what is higher leaves the picture
  std::vector<Series> series{};
  /// Not empty: bars, or marks with whiskers for a series of `points` (then the axis need not begin
  /// at 0). Series s has one y a category; x is not used.
  std::vector<std::string> categories{};
  /// Dotted horizontal lines with a name: chance, a paper's figure.
  std::vector<std::pair<std::string, double>> levels{};
  /// Smaller, with larger letters, names below: legible on a page that is as narrow as a telephone.
  bool compact = false;
};

/// Arrows over a heat map, all of one colour, with a name below the picture. Places and lengths are
/// in columns and rows, from the middle of the first; an arrow's middle is where it stands.
struct Arrows {
  std::string name{};
  std::vector<double> column{}, row{};
  std::vector<double> right{}, down{};  ///< from tail to tip
};

/// A table of numbers as coloured squares, with the number in each where there are few: rows from
/// the top, columns from the left. What is not finite stays white. A row or column without a name
/// has no tic.
struct HeatMap {
  std::string title{}, x_label{}, y_label{};
  std::vector<std::string> columns{}, rows{};
  std::vector<double> values{};  ///< [rows][columns]
  bool from_zero = true;         ///< the scale begins at 0; false: at the least value
  bool logarithmic = false;      ///< colours by the logarithm of values above 0
  bool dark_is_low = false;      ///< what is not finite then looks like the largest
  double most = std::numeric_limits<double>::infinity();  ///< larger values have its colour
  bool compact = false;                                   ///< as of a Figure
  std::vector<Arrows> arrows{};                           ///< then no numbers in the squares
};

/// Rows `number,series,x,y,low,high` (bars: category for x), number that of the series; what is not
/// finite is an empty field.
std::string csv_text(const Figure& figure);
/// The script that draws NAME.csv onto standard output.
std::string gnuplot_text(const Figure& figure, const std::string& name);
/// The same of a heat map: `row,column,row_name,column_name,value`, numbers from 0; where there are
/// arrows also `number,arrows,right,down`, and after the squares a row each, number that of its
/// kind.
std::string csv_text(const HeatMap& map);
std::string gnuplot_text(const HeatMap& map, const std::string& name);

/// Writes FOLDER/NAME.csv and draws FOLDER/NAME.svg. True when it was drawn. Series without a point
/// (of a run too short for one) are left out, and of a figure with no other nothing is written.
bool write_figure(Figure figure, const std::filesystem::path& folder, const std::string& name,
                  Console& console);
/// The same; of a map without a finite value nothing is written.
bool write_figure(const HeatMap& map, const std::filesystem::path& folder, const std::string& name,
                  Console& console);

}  // namespace metatape::cli
