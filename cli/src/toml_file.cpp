#include "toml_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <toml.hpp>

#include "failure.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "toml_guard.hpp"

namespace metatape::cli {

namespace {

/// What toml11 says, as one line: without its prefix, its underlined source and its own names.
std::string one_line(std::string what) {
  if (what.starts_with("[error] ")) what.erase(0, 8);
  what = what.substr(0, what.find('\n'));
  if (what.starts_with("toml::"))
    if (const auto colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
  while (!what.empty() && (what.back() == ' ' || what.back() == '.' || what.back() == ':'))
    what.pop_back();
  return what.empty() ? "not valid TOML" : "not valid TOML: " + what;
}

/// 4 keeps a list of errors where 3.7 has one.
template <class E>
[[noreturn]] void refuse(const E& e, const std::string& name) {
  if constexpr (requires { e.errors().front().locations().front().first.first_line_number(); }) {
    const auto& first = e.errors().front();
    const auto line =
        first.locations().empty() ? 0 : first.locations().front().first.first_line_number();
    throw UsageError(fmt::format("{}:{}: {}", name, line, one_line(first.title())));
  } else {
    throw UsageError(fmt::format("{}:{}: {}", name, e.location().line(), one_line(e.what())));
  }
}

/// 3.7 wraps its strings.
template <class S>
std::string string_of(const S& text) {
  if constexpr (requires { text.str; })
    return text.str;
  else
    return text;
}

TomlValue plain(const toml::value& value, const std::string& where) {
  if (value.is_boolean()) return static_cast<bool>(value.as_boolean());
  if (value.is_integer()) return static_cast<std::int64_t>(value.as_integer());
  if (value.is_floating()) return static_cast<double>(value.as_floating());
  if (value.is_string()) return string_of(value.as_string());
  if (value.is_array()) {
    std::vector<std::string> list;
    for (const toml::value& item : value.as_array()) {
      if (!item.is_string()) throw UsageError(where + "a list of other things than text");
      list.push_back(std::get<std::string>(plain(item, where)));
    }
    return list;
  }
  throw UsageError(where + (value.is_table() ? "a table, where settings are plain `key = value`"
                                             : "a date or time, which no setting takes"));
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (u < 0x20 || u == 0x7F)
      out += fmt::format("\\u{:04X}", u);
    else
      out += c;
  }
  return out + '"';
}

std::string number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);  // the shortest that reads back equal
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name) {
  const auto lines = guard_toml(text, name);
  std::vector<TomlEntry> entries;
  try {
    std::istringstream stream{std::string(text)};
    const toml::value root = toml::parse(stream, name);
    for (const auto& [key, value] : root.as_table()) {
      const auto line = lines.find(key);
      const int n = line == lines.end() ? 0 : line->second;
      const std::string place = n > 0 ? fmt::format("{}:{}", name, n) : name;
      entries.push_back({key, plain(value, fmt::format("{}: '{}' is ", place, key)), n});
    }
  } catch (const toml::syntax_error& e) {
    refuse(e, name);
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& e) {
    throw UsageError(name + ": " + one_line(e.what()));
  }
  std::ranges::sort(entries, [](const TomlEntry& a, const TomlEntry& b) {
    return a.line != b.line ? a.line < b.line : a.key < b.key;
  });
  return entries;
}

std::vector<TomlEntry> read_toml(const std::filesystem::path& path) {
  return parse_toml(nn::read_file(path, largest_toml), path.string());
}

const char* kind_of(const TomlValue& value) {
  constexpr const char* names[] = {"true or false", "a whole number", "a number", "text", "a list"};
  return names[value.index()];
}

std::string toml_line(std::string_view key, const TomlValue& value) {
  struct Text {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t i) const { return std::to_string(i); }
    std::string operator()(double d) const { return number(d); }
    std::string operator()(const std::string& s) const { return quoted_text(s); }
    std::string operator()(const std::vector<std::string>& list) const {
      std::string out = "[";
      for (const std::string& s : list) out += (out.size() > 1 ? ", " : "") + quoted_text(s);
      return out + "]";
    }
  };
  return fmt::format("{} = {}\n", key, std::visit(Text{}, value));
}

}  // namespace metatape::cli
