// duration.hpp: how long a training goes on: a count, or minutes that a count is planned for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "invocation.hpp"

namespace metatape::cli {

struct Duration {
  std::optional<std::int64_t> count{};  ///< in all, those before a resume included
  std::optional<double> minutes{};      ///< spent training, over all resumes

  /// Seconds that are left when so many were spent; 0: no limit.
  [[nodiscard]] double seconds_left(double spent) const;
};

/// A number that stands in a run's config.toml; at a resume, before the command line changes it.
std::optional<double> number_in(const std::filesystem::path& config, std::string_view key);

/// At a resume: what the command line raises against the run's config.toml. More minutes plan as
/// many more; who raises the count (`count_name`, the setting's) wants all of it, however long it
/// takes. True when config.toml is to be written anew. DataError when no count is in it: not a run
/// that can go on.
bool raise_at_resume(Duration& duration, const Invocation& in, const char* count_name);

/// The count that fits the minutes when one takes so many seconds, with a margin for what is done
/// beside it; at least `least`.
std::int64_t planned_count(double minutes, double seconds_each, std::int64_t least);

double seconds_since(std::chrono::steady_clock::time_point start);

}  // namespace metatape::cli
