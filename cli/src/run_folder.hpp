// run_folder.hpp: the folder that a run leaves behind, written so that it can be killed at any
// byte.
//   config.toml  metrics.jsonl  checkpoint.safetensors  summary.json  figures/
// config.toml comes before the first step; every file but metrics.jsonl appears whole or not at
// all; of metrics.jsonl at most the last line can be torn, and a resume drops it. While a process
// works on the folder it holds a lock that vanishes with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace metatape::cli {

/// One JSON object a line, appended with a single write each.
class Metrics {
 public:
  Metrics() = default;
  ~Metrics();
  Metrics(Metrics&&) noexcept;
  Metrics& operator=(Metrics&&) noexcept;

  /// `line` holds "step" and "wall_s" (seconds spent training, over all resumes) and what was
  /// measured. DataError when the disk is full.
  void append(const Json& line);

 private:
  friend class RunFolder;
  explicit Metrics(std::filesystem::path path);
  std::filesystem::path path_;
  int fd_ = -1;
};

/// What was left of metrics.jsonl at a resume.
struct KeptMetrics {
  std::string text{};  ///< the lines kept
  std::vector<Json> lines{};
  bool torn = false;  ///< the last line was cut and is dropped
  int beyond = 0;     ///< lines of steps after the checkpoint, dropped: they are made again
};
/// Whole lines with step <= last_step. DataError "NAME:LINE: why" for a line in the middle that is
/// no object with a step.
KeptMetrics keep_metrics(std::string_view text, std::int64_t last_step, const std::string& name);

class RunFolder {
 public:
  /// A new run's folder. One that holds anything is refused unless `force`, which clears what a run
  /// would write; one that another process works on is refused always. DataError says why.
  static RunFolder create(const std::filesystem::path& path, bool force);
  /// `runs/<noun>-<verb>-<UTC time>`; a taken name gets -2, -3, ...
  static RunFolder create_default(std::string_view noun, std::string_view verb);
  /// An interrupted or finished run's. DataError when there is no config.toml or it is in use.
  static RunFolder resume(const std::filesystem::path& path);

  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool resumed() const { return resumed_; }
  [[nodiscard]] std::filesystem::path config() const { return path_ / "config.toml"; }
  [[nodiscard]] std::filesystem::path checkpoint() const {
    return path_ / "checkpoint.safetensors";
  }
  [[nodiscard]] bool has_checkpoint() const;
  /// Made when first asked for.
  [[nodiscard]] std::filesystem::path figures() const;

  /// To be called before the first step, and again when a planned count has been fixed.
  void write_config(std::string_view toml) const;
  void write_summary(const Json& summary) const;

  /// metrics.jsonl open for appending; at a resume, what belongs to steps <= last_step is kept
  /// first (-1, or no checkpoint: nothing). `kept` (may be null) receives what there was.
  Metrics open_metrics(std::int64_t last_step, KeptMetrics* kept = nullptr) const;

 private:
  RunFolder(std::filesystem::path path, int lock, bool resumed);
  std::filesystem::path path_;
  int lock_ = -1;
  bool resumed_ = false;
};

/// Seconds spent training until then: the last line's "wall_s"; 0 without one.
double seconds_spent(const KeptMetrics& kept);

}  // namespace metatape::cli
