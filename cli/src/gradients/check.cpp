// check.cpp: `metatape gradients check`: each op against its definition, first order to second.
#include <fmt/format.h>

#include <algorithm>

#include "../commands.hpp"
#include "../progress.hpp"
#include "metatape/autodiff/op_checks.hpp"

namespace metatape::cli {

namespace {

/// An error below 0 says that the op has no such rule.
Json or_null(double error) { return error < 0 ? Json(nullptr) : Json(error); }

}  // namespace

int gradients_check(Invocation& in) {
  std::vector<std::string> names;
  in.settings.add("op", names, "only these; default all", {.value_name = "NAME,..."});
  in.take({.seed = true, .out = true, .profile = true});
  in.parse();
  const std::vector<std::string> known = checked_ops();
  for (const std::string& name : names)
    if (std::ranges::count(known, name) == 0) throw UsageError(unknown_name("op", name, known));
  if (names.empty()) names = known;
  in.open_out();

  Console& console = in.console;
  const OpBounds bounds;
  Table table({"op", "cases", "first order", "recorded", "second order", "float32", ""});
  table.left(6);
  Json ops = Json::array();
  std::vector<std::string> failures;
  int failed = 0;
  {
    Progress progress(console, {.what = "ops", .total = static_cast<std::int64_t>(names.size())});
    std::int64_t done = 0;
    for (const std::string& name : names) {
      const OpReport report = check_op(name, {.key = Key(in.common.seed)});
      const bool good = passes(report, bounds);
      failed += !good;
      const auto cell = [&](double error, double bound) {
        if (error < 0) return std::string("-");
        return scientific(error) + (error > bound ? "!" : "");
      };
      table.row(
          {name, std::to_string(report.cases), cell(report.first_order, bounds.first_order),
           cell(report.recorded, bounds.recorded), cell(report.second_order, bounds.second_order),
           cell(report.float32, bounds.float32), good ? "" : console.paint(Paint::red, "FAILED")});
      for (const std::string& why : report.failures) failures.push_back(name + ": " + why);
      ops.push_back({{"name", name},
                     {"cases", report.cases},
                     {"first_order", or_null(report.first_order)},
                     {"recorded", or_null(report.recorded)},
                     {"second_order", or_null(report.second_order)},
                     {"float32", or_null(report.float32)},
                     {"failures", report.failures},
                     {"passed", good}});
      progress.update(++done);
    }
  }
  table.row({"bounds", "", scientific(bounds.first_order), scientific(bounds.recorded),
             scientific(bounds.second_order), scientific(bounds.float32), ""});
  console.print(table.text());
  for (const std::string& why : failures) console.print(why + "\n");
  console.print(fmt::format("\n{} ops, {} failed\n", names.size(), failed));
  in.finish({{"ops", std::move(ops)}});
  return failed == 0 ? exit_done : exit_failed;
}

}  // namespace metatape::cli
