// progress.hpp: how far a long loop is.
// On a terminal one line of standard error, rewritten; elsewhere a plain line every ten seconds;
// nothing when quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "console.hpp"

namespace metatape::cli {

struct ProgressOptions {
  std::string what = "episodes";  ///< what is counted
  std::int64_t total = 0;         ///< 0: unknown
  std::int64_t start = 0;         ///< done before (a resume): not in the rate
  double seconds = 0;             ///< --minutes: the loop ends after this time too; 0: it does not
};

/// One line: `1,200/5,000 episodes  24 %  85.3/s  loss 0.412  accuracy 0.873  0:45 left`.
/// `elapsed` in seconds since `start`; values that are not finite are left out.
std::string progress_line(const ProgressOptions& options, std::int64_t done, double elapsed,
                          const std::vector<std::pair<std::string, double>>& values);

class Progress {
 public:
  Progress(Console& console, ProgressOptions options);
  ~Progress();  ///< leaves the terminal at the start of a line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Cheap; call it after each step, from one thread.
  void update(std::int64_t done, const std::vector<std::pair<std::string, double>>& values = {});

 private:
  Console& console_;
  ProgressOptions options_;
  std::chrono::steady_clock::time_point begin_, shown_;
};

/// "0:45", "12:03", "3:05:00".
std::string clock_text(double seconds);
/// "1,234,567".
std::string grouped(std::int64_t n);

}  // namespace metatape::cli
