#include "profile_report.hpp"

#include <fmt/format.h>

#include "progress.hpp"

namespace metatape::cli {

Json profile_report(const Profile& profile, Console& console) {
  Table table({"op", "calls", "forward ms", "pullback ms", "MiB"});
  Json ops = Json::array();
  for (const auto& [op, e] : profile.ops) {
    const double mib = static_cast<double>(e.bytes) / 1048576;
    table.row({op, grouped(e.calls), fixed(1e3 * e.forward_s, 1), fixed(1e3 * e.pullback_s, 1),
               fixed(mib, 1)});
    ops.push_back({{"op", op},
                   {"calls", e.calls},
                   {"forward_s", e.forward_s},
                   {"pullback_s", e.pullback_s},
                   {"mib", mib}});
  }
  console.print(table.text());
  return ops;
}

double memory_report(std::size_t tape_bytes, Console& console) {
  const double tape = static_cast<double>(tape_bytes) / 1048576;
  console.print(
      fmt::format("tape: {:.1f} MiB at most; process: {:.0f} MiB\n", tape, peak_rss_mib()));
  return tape;
}

}  // namespace metatape::cli
