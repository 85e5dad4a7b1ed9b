// report_page_test.cpp: a page of HTML that holds all it needs, and only what was meant.
#include "report_page.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape::cli;

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// As gnuplot writes, with a text that looks like an id and a name that looks like markup.
constexpr const char* drawing =
    "<?xml version=\"1.0\"?>\n<svg \n width=\"480\" height=\"340\"\n viewBox=\"0 0 480 340\"\n "
    "xmlns=\"http://www.w3.org/2000/svg\"\n>\n<title>Gnuplot</title>\n<desc>Produced by</desc>\n"
    "<g id=\"plot\"><path id='p0' d='M1,1'/><use xlink:href='#p0'/><g filter='url(#box)'/></g>"
    "<text>an id='p0' of &lt;b></text>\n</svg>\n";

}  // namespace

TEST_CASE("text stays text") {
  CHECK(escaped_for_html("<b a='1'>\"&\"") == "&lt;b a=&#39;1&#39;&gt;&quot;&amp;&quot;");
  Table table({"<th>", "2"});
  table.row({"<script>", "&"});
  const std::string html = ReportPage("<title>")
                               .paragraph("<p1>")
                               .heading("<h>")
                               .facts({{"<dt>1", "<dd>1"}})
                               .table("<caption>1", table, "<about>")
                               .html();
  for (const char* raw : {"<script>", "<p1>", "<h>", "<dt>1", "<dd>1", "<caption>1", "<about>"})
    CHECK(!holds(html, raw));
  CHECK(holds(html, "<h1>&lt;title&gt;</h1>"));
  CHECK(holds(html, "<td class=\"text\">&lt;script&gt;</td><td>&amp;</td>"));
}

TEST_CASE("a page is for telephones too, runs nothing and fetches nothing") {
  const std::string html = ReportPage("t").html();
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(holds(html, "<meta name=\"viewport\" content=\"width=device-width"));
  CHECK(holds(html, "default-src 'none'"));
  CHECK(!holds(html, "<script"));
  CHECK(!holds(html, "http:"));
  CHECK(!holds(html, "https:"));
}

TEST_CASE("a drawing in a page: no size, a label, ids of its own") {
  CHECK(inline_svg(drawing, "a \"b\"", "f1-") ==
        "<svg viewBox=\"0 0 480 340\" role=\"img\" aria-label=\"a &quot;b&quot;\">\n\n\n"
        "<g id=\"f1-plot\"><path id='f1-p0' d='M1,1'/><use xlink:href='#f1-p0'/>"
        "<g filter='url(#f1-box)'/></g><text>an id='p0' of &lt;b></text>\n</svg>");
  CHECK(inline_svg("no drawing", "x", "f1-").empty());
  CHECK(inline_svg("<svg viewBox=\"0 0 1 1\" cut short", "x", "f1-").empty());
}

TEST_CASE("figures: drawn, not drawn, not there") {
  const scratch::Folder scratch;
  for (const char* name : {"one.csv", "two.csv", "bare.csv"}) scratch::write(scratch / name, "x");
  scratch::write(scratch / "one.svg", drawing);
  scratch::write(scratch / "two.svg", drawing);
  const auto page_with = [&](const char* name) {
    return ReportPage("t").figure(scratch / "", name, "Caption", "what it means").html();
  };
  CHECK(holds(page_with("one"), "<figcaption><strong>Caption.</strong> what it means"));
  CHECK(holds(page_with("bare"), "Not drawn; the numbers are in"));
  CHECK(!holds(page_with("none"), "<figure"));
  const std::string both = ReportPage("t")
                               .figure(scratch / "", "one", "", "")
                               .figure(scratch / "", "two", "", "")
                               .html();
  CHECK(holds(both, "id='f1-p0'"));
  CHECK(holds(both, "id='f2-p0'"));
}
