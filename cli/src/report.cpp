#include "report.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/machine.hpp"

namespace metatape::cli {

Json summary_object(const SummaryFacts& facts, Json result) {
  return {{"command", facts.command},
          {"version", METATAPE_VERSION},
          {"seed", facts.seed},
          {"threads", facts.threads},
          {"machine", {{"blas", blas_name()}, {"simd", simd_name()}}},
          {"wall_s", std::round(facts.wall_s * 1e3) / 1e3},
          {"peak_rss_mib", std::round(peak_rss_mib() * 10) / 10},
          {"interrupted", facts.interrupted},
          {"result", std::move(result)}};
}

std::string json_text(const Json& value, bool indented) {
  // The library itself writes numbers that are not finite as null.
  return value.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

std::string csv_text(const Json& rows) {
  if (rows.empty()) return "";
  std::vector<std::string> columns;
  for (const auto& field : rows.front().items()) {
    const std::string& name = field.key();
    if (std::ranges::none_of(rows, [&](const Json& row) { return row.at(name).is_structured(); }))
      columns.push_back(name);
  }
  std::string out;
  for (std::size_t c = 0; c < columns.size(); ++c)
    out += (c > 0 ? "," : "") + csv_field(columns[c]);
  out += '\n';
  for (const Json& row : rows) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) out += ',';
      const Json& value = row.at(columns[c]);
      if (value.is_string())
        out += csv_field(value.get<std::string>());
      else if (const std::string text = value.dump(); text != "null")  // what is not finite, too
        out += text;
    }
    out += '\n';
  }
  return out;
}

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
#else
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
#endif
}

Table::Table(std::vector<std::string> heads) : heads_(std::move(heads)), left_(heads_.size()) {
  if (!left_.empty()) left_[0] = true;
}

Table& Table::left(std::size_t column) {
  left_.at(column) = true;
  return *this;
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(heads_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  // Columns of a terminal: bytes that continue a UTF-8 character take none.
  const auto width = [](const std::string& s) {
    return static_cast<std::size_t>(
        std::ranges::count_if(s, [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < heads_.size(); ++c) {
    widths.push_back(width(heads_[c]));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], width(row[c]));
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string pad(widths[c] - width(cells[c]), ' ');
      line += (c > 0 ? "  " : "") + (left_[c] ? cells[c] + pad : pad + cells[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add(heads_);
  for (const auto& row : rows_) add(row);
  return out;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (&word != &words.front()) text += separator;
    text += word;
  }
  return text;
}

std::string fixed(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

std::string percent(double share, int digits) {
  return std::isfinite(share) ? fmt::format("{:.{}f} %", 100 * share, digits) : "-";
}

std::string scientific(double value) {
  return std::isfinite(value) ? fmt::format("{:.1e}", value) : "-";
}

}  // namespace metatape::cli
