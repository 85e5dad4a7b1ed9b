// check.cpp: `metatape data check`: every file is read, each that is broken is named; the generated
// alphabets are held to the bounds that make them as hard as real ones.
#include <fmt/format.h>

#include "../commands.hpp"
#include "../progress.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/measures.hpp"
#include "metatape/tasks/images/data_spec.hpp"

namespace metatape::cli {

int data_check(Invocation& in) {
  in.take({.seed = true, .threads = true, .data_positional = true, .out = true});
  in.parse();
  in.open_out();

  Console& console = in.console;
  Threads threads(in.common.threads);
  const tasks::DataSpec spec = tasks::parse_data(in.common.data);
  const tasks::DataCheck check = tasks::check_data(spec, &threads);

  Json broken = Json::array();
  for (const auto& [file, reason] : check.broken) {
    console.print(fmt::format("{}: {}\n", console.paint(Paint::red, file), reason));
    broken.push_back({{"file", file}, {"reason", reason}});
  }
  const auto n = [](std::size_t count) { return grouped(static_cast<std::int64_t>(count)); };
  const int images = check.set ? check.set->images() : 0;
  const std::size_t classes = check.set ? check.set->classes().size() : 0;
  console.print(fmt::format("{} images of {} classes read, {} broken\n", grouped(images),
                            n(classes), n(check.broken.size())));

  bool good = check.broken.empty();
  Json measures = nullptr;
  if (spec.kind == "strokes" && check.set) {
    console.note("measuring how hard the drawings are ...");
    measures = Json::array();
    Table table({"measure", "value", "bounds", "Omniglot", ""});
    table.left(4);
    for (const tasks::Measure& m : tasks::measure(check.set, {.seed = in.common.seed}, &threads)) {
      const bool within = m.within_bounds();
      good = good && within;
      const int digits = m.high < 2 ? 3 : 1;  // shares and ratios, or percent and pixels
      const auto text = [&](double v) { return fixed(v, digits); };
      table.row({m.name, text(m.value), text(m.low) + " .. " + text(m.high), text(m.real),
                 within ? "" : console.paint(Paint::red, "OUTSIDE")});
      measures.push_back({{"name", m.name},
                          {"value", m.value},
                          {"low", m.low},
                          {"high", m.high},
                          {"real", m.real},
                          {"within", within}});
    }
    console.print("\n" + table.text());
  }
  in.finish({{"data", in.common.data},
             {"images", images},
             {"classes", classes},
             {"broken", std::move(broken)},
             {"measures", std::move(measures)}});
  return good ? exit_done : exit_failed;
}

}  // namespace metatape::cli
