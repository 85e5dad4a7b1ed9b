#include "training_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "duration.hpp"

namespace metatape::cli {

TrainingLog::TrainingLog(Invocation& in, const RunFolder& folder, std::int64_t steps_done,
                         const std::string& done)
    : start_(std::chrono::steady_clock::now()) {
  if (folder.resumed() && !folder.has_checkpoint())
    in.console.note("no checkpoint yet: from the start");
  KeptMetrics kept;
  metrics_ = folder.open_metrics(steps_done, &kept);
  if (kept.torn) in.console.note("metrics.jsonl: its last line was torn and is dropped");
  if (folder.resumed() && steps_done > 0) in.console.note(fmt::format("going on after {}", done));
  spent_before_ = seconds_spent(kept);
  lines_ = std::move(kept.lines);
}

double TrainingLog::spent_now() const { return seconds_since(start_); }

void TrainingLog::add(std::int64_t step, const Json& measured) {
  Json line{{"step", step}, {"wall_s", spent()}};
  line.update(measured);
  metrics_.append(line);
  lines_.push_back(std::move(line));
}

const Json* TrainingLog::last_with(const char* field) const {
  const auto found = std::find_if(lines_.rbegin(), lines_.rend(),
                                  [&](const Json& line) { return line.contains(field); });
  return found == lines_.rend() ? nullptr : &*found;
}

Series TrainingLog::series(std::string name, const char* x, const char* y, double factor) const {
  Series s{.name = std::move(name)};
  for (const Json& line : lines_) {
    if (!line.contains(x) || !line.contains(y) || !line[y].is_number()) continue;
    s.x.push_back(line[x].get<double>());
    s.y.push_back(factor * line[y].get<double>());
  }
  return s;
}

}  // namespace metatape::cli
