// report.hpp: what a command found, for programs (the summary object) and for people (tables).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace metatape::cli {

/// Fields keep the order they are given in. NaN and infinity are written as null.
using Json = nlohmann::ordered_json;

struct SummaryFacts {
  std::vector<std::string> command;  ///< the words as typed, "metatape" first
  std::uint64_t seed = 1;
  int threads = 1;
  double wall_s = 0;
  bool interrupted = false;  ///< the result is that of what was done until then
};

/// {"command", "version", "seed", "threads", "machine", "wall_s", "peak_rss_mib", "interrupted",
/// "result"}.
Json summary_object(const SummaryFacts& facts, Json result);

/// One line or, indented, as files have it; ends with a newline. Text that is not UTF-8 is
/// repaired.
std::string json_text(const Json& value, bool indented = false);

/// A list of objects as CSV: a column for each field that is a list or an object in none;
/// null and numbers that are not finite are empty.
std::string csv_text(const Json& rows);
/// One field of CSV, in quotes where it must be.
std::string csv_field(const std::string& text);

/// The most memory this process ever held, in MiB; works without /proc.
double peak_rss_mib();

/// Columns of text: the first to the left, the others to the right unless said.
class Table {
 public:
  explicit Table(std::vector<std::string> heads);
  Table& left(std::size_t column);  ///< this column to the left too
  void row(std::vector<std::string> cells);
  [[nodiscard]] std::string text() const;  ///< lines with newlines, two blanks between columns

  [[nodiscard]] const std::vector<std::string>& heads() const { return heads_; }
  [[nodiscard]] const std::vector<std::vector<std::string>>& rows() const { return rows_; }
  [[nodiscard]] bool is_left(std::size_t column) const { return left_.at(column); }

 private:
  std::vector<std::string> heads_;
  std::vector<bool> left_;
  std::vector<std::vector<std::string>> rows_;
};

/// The words with the separator between them.
std::string joined(const std::vector<std::string>& words, std::string_view separator);
/// A number of so many digits after the point, "-" when it is not finite.
std::string fixed(double value, int digits);
/// 0.98734 -> "98.73 %".
std::string percent(double share, int digits = 2);
/// "1.5e-09"; "-" when it is not finite.
std::string scientific(double value);

}  // namespace metatape::cli
