#include "report_page.hpp"

#include <fmt/format.h>

#include "metatape/nn/atomic_file.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_svg = std::size_t{1} << 26;

// Drawings are on white in the dark too: their colours are chosen for it.
constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --faint: #5c5c5c; --line: #d0d0d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181b; --faint: #a2a2a2; --line: #3c4046; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
figure { margin: 2rem 0; }
p, dl, figcaption { max-width: 44rem; }
figcaption, .about { color: var(--faint); }
figcaption { margin-top: 0.5rem; }
figcaption strong, caption { color: var(--ink); font-weight: 600; }
svg { display: block; width: 100%; max-width: 40rem; height: auto; border-radius: 4px; background: #ffffff; }
svg image { image-rendering: pixelated; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
caption { text-align: left; padding-bottom: 0.4rem; }
th, td { padding: 0.25rem 0.8rem 0.25rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th.text, td.text { text-align: left; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0.1rem 1rem; margin: 1rem 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
)";

}  // namespace

std::string escaped_for_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string inline_svg(std::string_view svg, std::string_view label, std::string_view prefix) {
  const std::size_t begin = svg.find("<svg"), end = svg.find("</svg>");
  if (begin == std::string_view::npos || end == std::string_view::npos) return "";
  svg = svg.substr(begin, end - begin);
  const std::size_t head = svg.find('>');
  if (head == std::string_view::npos) return "";
  std::string box;
  constexpr std::string_view box_key = "viewBox=\"";
  if (const std::size_t at = svg.find(box_key); at < head) {
    const std::size_t from = at + box_key.size();
    box = svg.substr(from, svg.find('"', from) - from);
  }
  std::string out = fmt::format("<svg viewBox=\"{}\" role=\"img\" aria-label=\"{}\">", box,
                                escaped_for_html(label));
  svg.remove_prefix(head + 1);
  // In tags alone: text may hold whatever a user called a thing.
  constexpr std::string_view ids[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#", "url('#"};
  bool in_tag = false;
  while (!svg.empty()) {
    for (const std::string_view unwanted : {std::string_view("title"), std::string_view("desc")}) {
      // gnuplot's words about itself, which browsers would show over the drawing
      const std::string closing = fmt::format("</{}>", unwanted);
      if (svg.starts_with(fmt::format("<{}>", unwanted)))
        if (const std::size_t to = svg.find(closing); to != std::string_view::npos)
          svg.remove_prefix(to + closing.size());
    }
    if (svg.empty()) break;
    if (svg.front() == '<') in_tag = true;
    if (svg.front() == '>') in_tag = false;
    bool taken = false;
    if (in_tag)
      for (const std::string_view id : ids)
        if (svg.starts_with(id)) {
          out += id;
          out += prefix;
          svg.remove_prefix(id.size());
          taken = true;
          break;
        }
    if (taken) continue;
    out += svg.front();
    svg.remove_prefix(1);
  }
  return out + "</svg>";
}

ReportPage::ReportPage(std::string title) : title_(std::move(title)) {}

ReportPage& ReportPage::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escaped_for_html(text));
  return *this;
}

ReportPage& ReportPage::heading(std::string_view text) {
  body_ += fmt::format("<h2>{}</h2>\n", escaped_for_html(text));
  return *this;
}

ReportPage& ReportPage::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl>\n";
  for (const auto& [name, value] : facts)
    body_ +=
        fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped_for_html(name), escaped_for_html(value));
  body_ += "</dl>\n";
  return *this;
}

ReportPage& ReportPage::table(std::string_view caption, const Table& table,
                              std::string_view explanation) {
  const auto cells = [&](const char* tag, const std::vector<std::string>& row) {
    std::string out = "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c)
      out += fmt::format("<{0}{1}>{2}</{0}>", tag, table.is_left(c) ? " class=\"text\"" : "",
                         escaped_for_html(row[c]));
    return out + "</tr>\n";
  };
  body_ +=
      fmt::format("<div class=\"wide\"><table><caption>{}</caption>\n<thead>{}</thead>\n<tbody>\n",
                  escaped_for_html(caption), cells("th", table.heads()));
  for (const auto& row : table.rows()) body_ += cells("td", row);
  body_ += fmt::format("</tbody></table></div>\n<p class=\"about\">{}</p>\n",
                       escaped_for_html(explanation));
  return *this;
}

ReportPage& ReportPage::figure(const fs::path& folder, const std::string& name,
                               std::string_view caption, std::string_view explanation) {
  std::error_code none;
  if (!fs::exists(folder / (name + ".csv"), none)) return *this;
  std::string drawing;
  if (const fs::path svg = folder / (name + ".svg"); fs::exists(svg, none))
    drawing = inline_svg(nn::read_file(svg, largest_svg), caption, fmt::format("f{}-", ++figures_));
  if (drawing.empty())
    drawing = fmt::format("<p class=\"about\">Not drawn; the numbers are in {0}/{1}.csv.</p>",
                          escaped_for_html(folder.filename().string()), escaped_for_html(name));
  body_ +=
      fmt::format("<figure>\n{}\n<figcaption><strong>{}.</strong> {}</figcaption>\n</figure>\n",
                  drawing, escaped_for_html(caption), escaped_for_html(explanation));
  return *this;
}

std::string ReportPage::html() const {
  // The policy holds a browser to what is promised: nothing runs and nothing is fetched. The icon
  // is there, and empty, so that none is asked for.
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n"
      "<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      escaped_for_html(title_), style, body_);
}

}  // namespace metatape::cli
