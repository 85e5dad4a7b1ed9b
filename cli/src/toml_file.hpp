// toml_file.hpp: a TOML file as plain keys and values; the only place that knows toml11 (3.7 and
// 4). What toml11 would trust is checked before it sees a byte: size, UTF-8, control characters,
// nesting, and integers beyond 64 bits, which 3.7 takes for the largest one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace metatape::cli {

using TomlValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct TomlEntry {
  std::string key;
  TomlValue value;
  int line = 0;  ///< from 1
};

inline constexpr std::size_t largest_toml = std::size_t{1} << 20;  ///< bytes

/// The entries in the order of their lines. UsageError "NAME:LINE: why" for what is no TOML, and
/// for TOML that settings have no use for: tables, dates, lists of other things than text.
std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name);
/// The same from a file; DataError when it cannot be read.
std::vector<TomlEntry> read_toml(const std::filesystem::path& path);

/// "a whole number", "text", ...: how a value is called in messages.
const char* kind_of(const TomlValue& value);

/// One line `key = value` with its newline. Numbers are written so that they read back equal.
std::string toml_line(std::string_view key, const TomlValue& value);

}  // namespace metatape::cli
