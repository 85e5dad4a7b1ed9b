#include "duration.hpp"

#include <algorithm>
#include <filesystem>
#include <variant>

#include "metatape/autodiff/error.hpp"
#include "toml_file.hpp"

namespace metatape::cli {

std::optional<double> number_in(const std::filesystem::path& config, std::string_view key) {
  for (const TomlEntry& e : read_toml(config))
    if (e.key == key) {
      if (const auto* d = std::get_if<double>(&e.value)) return *d;
      if (const auto* n = std::get_if<std::int64_t>(&e.value)) return static_cast<double>(*n);
    }
  return {};
}

double Duration::seconds_left(double spent) const {
  return minutes ? std::max(0.001, *minutes * 60 - spent) : 0;
}

bool raise_at_resume(Duration& duration, const Invocation& in, const char* count_name) {
  const std::filesystem::path config = std::filesystem::path(in.common.resume) / "config.toml";
  if (!duration.count)
    throw DataError(config.string() + ": no '" + count_name + "' in it: not a run that can go on");
  const double minutes = number_in(config, "minutes").value_or(0);
  const double planned = number_in(config, count_name).value_or(0);
  const bool asked = in.settings.origin(count_name) == Origin::command_line;
  if (minutes > 0 && duration.minutes.value_or(0) > minutes && !asked)
    duration.count = static_cast<std::int64_t>(planned * *duration.minutes / minutes);
  if (asked && in.settings.origin("minutes") != Origin::command_line) duration.minutes.reset();
  return static_cast<double>(*duration.count) > planned || duration.minutes.value_or(0) != minutes;
}

std::int64_t planned_count(double minutes, double seconds_each, std::int64_t least) {
  return std::max(least, static_cast<std::int64_t>(0.95 * minutes * 60 / seconds_each));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace metatape::cli
