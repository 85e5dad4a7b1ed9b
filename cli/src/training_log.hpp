// training_log.hpp: what a training writes down as it goes, and reads back at a resume: lines of
// metrics.jsonl, seconds spent, curves.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "figure.hpp"
#include "invocation.hpp"
#include "run_folder.hpp"

namespace metatape::cli {

class TrainingLog {
 public:
  /// Opens the run's metrics.jsonl after `steps_done` steps, of which lines are kept; says what of
  /// the run there was. `done` is those steps in the user's words: "1,200 episodes".
  TrainingLog(Invocation& in, const RunFolder& folder, std::int64_t steps_done,
              const std::string& done);

  /// Seconds spent training: before a resume, since this log was opened, and both.
  [[nodiscard]] double spent_before() const { return spent_before_; }
  [[nodiscard]] double spent_now() const;
  [[nodiscard]] double spent() const { return spent_before_ + spent_now(); }

  /// Appends a line of step, wall_s and what was measured.
  void add(std::int64_t step, const Json& measured);

  /// The last line that has such a field; null when none has.
  [[nodiscard]] const Json* last_with(const char* field) const;
  /// A curve of all lines that have both fields.
  [[nodiscard]] Series series(std::string name, const char* x, const char* y,
                              double factor = 1) const;

 private:
  Metrics metrics_{};
  std::vector<Json> lines_{};
  double spent_before_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace metatape::cli
