// report_page.hpp: a study as one page of HTML: figures and tables in reading order, a sentence of
// explanation each. The page needs nothing but itself: drawings stand in it, there is no script,
// and nothing is fetched. It is legible on a telephone (wide tables scroll in their box) and
// follows the reader's choice of light or dark.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report.hpp"

namespace metatape::cli {

class ReportPage {
 public:
  /// All text is text: what HTML would take for markup is escaped.
  explicit ReportPage(std::string title);

  ReportPage& paragraph(std::string_view text);
  ReportPage& heading(std::string_view text);
  /// What was asked: names and values, two columns.
  ReportPage& facts(const std::vector<std::pair<std::string, std::string>>& facts);
  ReportPage& table(std::string_view caption, const Table& table, std::string_view explanation);
  /// FOLDER/NAME.svg as write_figure() left it; where it was not drawn, a word on where the numbers
  /// are; where there is not even NAME.csv, nothing.
  ReportPage& figure(const std::filesystem::path& folder, const std::string& name,
                     std::string_view caption, std::string_view explanation);

  [[nodiscard]] std::string html() const;

 private:
  std::string title_, body_;
  int figures_ = 0;
};

/// `&`, `<`, `>` and quotes as HTML writes them.
std::string escaped_for_html(std::string_view text);

/// gnuplot's drawing to be put into a page: the <svg> element alone, without a size of its own,
/// labelled, and its ids beginning with `prefix`, since those of a page must differ.
std::string inline_svg(std::string_view svg, std::string_view label, std::string_view prefix);

}  // namespace metatape::cli
