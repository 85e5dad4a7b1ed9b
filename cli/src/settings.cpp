#include "settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "failure.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/tasks/nearest_name.hpp"
#include "report.hpp"
#include "setting.hpp"

namespace metatape::cli {

namespace {

template <class T>
struct Inner {
  using type = T;
};
template <class T>
struct Inner<std::optional<T>> {
  using type = T;
};

/// Calls f with a value of the type that the target holds (inside a std::optional too).
template <class F>
decltype(auto) with_type(const Target& target, F&& f) {
  return std::visit(
      [&](auto* p) -> decltype(auto) {
        return f(std::type_identity<typename Inner<std::remove_pointer_t<decltype(p)>>::type>{});
      },
      target);
}

template <class T>
void assign(const Target& target, const T& value) {
  std::visit(
      [&](auto* p) {
        using P = std::remove_pointer_t<decltype(p)>;
        if constexpr (std::is_same_v<typename Inner<P>::type, T>) *p = value;
      },
      target);
}

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw UsageError(place + ": " + why);
}

/// "exp.toml:3: shot" -> "exp.toml:3: "; "--shot" -> "": a message that names the thing itself.
std::string file_of(const std::string& place) {
  const auto colon = place.rfind(": ");
  return colon == std::string::npos ? "" : place.substr(0, colon + 2);
}

std::string plain_text(const TomlValue& value) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return joined(*list, ",");
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  const std::string line = toml_line("", value);
  return line.substr(3, line.size() - 4);
}

}  // namespace

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known) {
  std::string hint = tasks::did_you_mean(name, known);
  if (hint.empty() && !known.empty()) hint = fmt::format("; one of {}", joined(known, ", "));
  return fmt::format("unknown {} '{}'{}", what, name, hint);
}

// ---- one setting --------------------------------------------------------------------------------

bool Settings::Setting::is_flag() const {
  return with_type(target, []<class T>(std::type_identity<T>) { return std::is_same_v<T, bool>; });
}

std::string Settings::Setting::value_name() const {
  if (!traits.value_name.empty()) return traits.value_name;
  return with_type(target, []<class T>(std::type_identity<T>) -> std::string {
    if constexpr (std::is_same_v<T, std::string>)
      return "NAME";
    else if constexpr (std::is_same_v<T, std::vector<std::string>>)
      return "A,B,...";
    else
      return std::is_floating_point_v<T> ? "X" : "N";
  });
}

std::optional<TomlValue> Settings::Setting::value() const {
  const auto toml = []<class T>(const T& v) -> TomlValue {
    if constexpr (std::is_same_v<T, int>)
      return std::int64_t{v};
    else if constexpr (std::is_same_v<T, std::uint64_t>) {
      // TOML's integers end at 2^63 - 1
      if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return std::to_string(v);
      return static_cast<std::int64_t>(v);
    } else
      return v;
  };
  return std::visit(
      [&](auto* p) -> std::optional<TomlValue> {
        using P = std::remove_pointer_t<decltype(p)>;
        if constexpr (std::is_same_v<typename Inner<P>::type, P>)
          return toml(*p);
        else if (*p)
          return toml(**p);
        else
          return std::nullopt;
      },
      target);
}

std::string Settings::Setting::range() const {
  const auto text = [](double x) { return fmt::format("{}", x); };
  const bool low = std::isfinite(traits.least), high = std::isfinite(traits.most);
  if (traits.above_least && high)
    return fmt::format("above {}, at most {}", text(traits.least), text(traits.most));
  if (traits.above_least) return "above " + text(traits.least);
  if (low && high) return fmt::format("{} to {}", text(traits.least), text(traits.most));
  return low ? "at least " + text(traits.least) : high ? "at most " + text(traits.most) : "";
}

void Settings::Setting::set_number(double number, const std::string& place,
                                   const std::string& shown) const {
  if (!std::isfinite(number)) refuse(place, shown + " is not a finite number");
  if (number < traits.least || number > traits.most ||
      (traits.above_least && number == traits.least))
    refuse(place, fmt::format("{} is out of range: {}", shown, range()));
}

void Settings::Setting::check_choice(const std::string& text, const std::string& place) const {
  if (traits.choices.empty() || std::ranges::count(traits.choices, text) > 0) return;
  throw UsageError(file_of(place) +
                   unknown_name(traits.what.empty() ? name : traits.what, text, traits.choices));
}

std::string Settings::Setting::canonical(const std::string& text, const std::string& place) const {
  if (!traits.canonical) return text;
  try {
    return traits.canonical(text);
  } catch (const Error& e) {
    throw UsageError(file_of(place) + e.what());
  }
}

void Settings::Setting::set_flag(bool on) { assign(target, on); }

void Settings::Setting::set_text(const std::string& text, const std::string& place) {
  with_type(target, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, std::string>) {
      check_choice(text, place);
      assign(target, canonical(text, place));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      std::vector<std::string> list;
      for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        list.push_back(text.substr(begin, end - begin));
        begin = end + 1;
      }
      set_value(list, place);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (text != "true" && text != "false")
        refuse(place, fmt::format("'{}' is neither true nor false", text));
      assign(target, text == "true");
    } else {
      T value{};
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      const bool whole = !std::is_floating_point_v<T>;
      // A negative number where only natural ones fit is out of range rather than no number.
      std::int64_t negative = 0;
      const bool below = std::is_unsigned_v<T> &&
                         std::from_chars(text.data(), end, negative).ptr == end && negative < 0;
      if (below) refuse(place, fmt::format("{} is out of range: at least 0", text));
      if (stop != end || error == std::errc::invalid_argument)
        refuse(place, fmt::format("'{}' is not a {}number", text, whole ? "whole " : ""));
      if (error == std::errc::result_out_of_range) {
        if (const std::string r = range(); whole && sizeof(T) < 8 && !r.empty())
          refuse(place, fmt::format("{} is out of range: {}", text, r));
        refuse(place, fmt::format("{} does not fit {} bits", text, 8 * sizeof(T)));
      }
      set_number(static_cast<double>(value), place, text);
      assign(target, value);
    }
  });
}

void Settings::Setting::set_value(const TomlValue& value, const std::string& place) {
  with_type(target, [&]<class T>(std::type_identity<T>) {
    const auto wrong = [&](const char* expected) {
      refuse(place, fmt::format("{} is expected, this is {}", expected, kind_of(value)));
    };
    if constexpr (std::is_same_v<T, bool>) {
      if (!std::holds_alternative<bool>(value)) wrong("true or false");
      assign(target, std::get<bool>(value));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (!std::holds_alternative<T>(value)) wrong("a list of text");
      for (const std::string& text : std::get<T>(value)) check_choice(text, place);
      assign(target, std::get<T>(value));
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!std::holds_alternative<std::string>(value)) wrong("text");
      set_text(std::get<std::string>(value), place);
    } else if constexpr (std::is_same_v<T, double>) {
      const auto* whole = std::get_if<std::int64_t>(&value);
      if (!whole && !std::holds_alternative<double>(value)) wrong("a number");
      const double number = whole ? static_cast<double>(*whole) : std::get<double>(value);
      set_number(number, place, plain_text(value));
      assign(target, number);
    } else {
      // A seed above 2^63 - 1 is kept as text.
      if (std::is_same_v<T, std::uint64_t> && std::holds_alternative<std::string>(value))
        return set_text(std::get<std::string>(value), place);
      if (!std::holds_alternative<std::int64_t>(value)) wrong("a whole number");
      set_text(plain_text(value), place);
    }
  });
}

// ---- all of them --------------------------------------------------------------------------------

Settings::Settings() = default;
Settings::~Settings() = default;
Settings::Settings(Settings&&) noexcept = default;

void Settings::add_target(std::string name, Target target, std::string help, SettingTraits traits) {
  if (find(name)) throw std::logic_error("setting '" + name + "' is declared twice");
  auto setting = std::make_unique<Setting>(
      Setting{std::move(name), target, std::move(help), std::move(traits), section_, {}});
  if (const auto value = setting->value()) setting->shown_default = plain_text(*value);
  settings_.push_back(std::move(setting));
}

void Settings::section(std::string title) { section_ = std::move(title); }

Settings::Setting* Settings::find(std::string_view name) const {
  for (const auto& s : settings_)
    if (s->name == name) return s.get();
  return nullptr;
}

Origin Settings::origin(std::string_view name) const {
  const Setting* s = find(name);
  if (!s) throw std::logic_error("no setting '" + std::string(name) + "'");
  return s->origin;
}

std::vector<std::string> Settings::names() const {
  std::vector<std::string> all;
  for (const auto& s : settings_)
    if (!s->traits.hidden) all.push_back(s->name);
  return all;
}

void Settings::read_config(const std::filesystem::path& path, bool ignore_unknown) {
  read_config_text(nn::read_file(path, largest_toml), path.string(), ignore_unknown);
}

void Settings::read_config_text(std::string_view text, const std::string& name,
                                bool ignore_unknown) {
  for (const TomlEntry& entry : parse_toml(text, name)) {
    if (entry.key == "command" || entry.key == "version") continue;
    const std::string place =
        entry.line > 0 ? fmt::format("{}:{}: ", name, entry.line) : name + ": ";
    Setting* s = find(entry.key);
    if (!s || s->traits.command_line_only) {
      if (ignore_unknown) continue;
      std::vector<std::string> keys;
      for (const auto& other : settings_)
        if (!other->traits.command_line_only && !other->traits.hidden) keys.push_back(other->name);
      throw UsageError(place + fmt::format("unknown key '{}'{}", entry.key,
                                           tasks::did_you_mean(entry.key, keys)));
    }
    if (s->origin != Origin::unset) continue;
    s->set_value(entry.value, place + entry.key);
    s->origin = Origin::config;
  }
}

void Settings::finish() {
  for (const auto& s : settings_) {
    if (s->traits.required && s->origin == Origin::unset)
      throw UsageError(s->traits.positional
                           ? fmt::format("{} is missing", s->value_name())
                           : fmt::format("--{} {} is missing", s->name, s->value_name()));
    if (s->origin != Origin::unset || !s->traits.canonical) continue;
    if (const auto value = s->value(); value && std::holds_alternative<std::string>(*value))
      if (const auto& text = std::get<std::string>(*value); !text.empty())
        assign(s->target, s->canonical(text, "--" + s->name));
  }
}

void Settings::check_resume(const std::filesystem::path& config) const {
  const auto entries = read_toml(config);
  const auto number = [](const TomlValue& v) {
    const auto* whole = std::get_if<std::int64_t>(&v);
    const auto* real = std::get_if<double>(&v);
    return whole ? static_cast<double>(*whole) : real ? *real : 0.0;
  };
  for (const auto& s : settings_) {
    if (!s->traits.result || s->origin != Origin::command_line) continue;
    const auto entry = std::ranges::find(entries, s->name, &TomlEntry::key);
    const TomlValue asked = *s->value();
    if (entry == entries.end()) {
      if (s->traits.raisable) continue;
      throw UsageError(fmt::format("--{}: {} was made without it, and a resume keeps its settings",
                                   s->name, config.parent_path().string()));
    }
    s->set_value(entry->value, config.string() + ": " + s->name);  // the same form as `asked`
    const TomlValue made = *s->value();
    s->set_value(asked, "--" + s->name);
    if (made == asked || (s->traits.raisable && number(asked) >= number(made))) continue;
    throw UsageError(fmt::format(
        "--{} {}: {} was made with {}{}", s->name, plain_text(asked), config.parent_path().string(),
        plain_text(made),
        s->traits.raisable ? "; it can only be raised" : ", and a resume keeps its settings"));
  }
}

std::string Settings::config_text() const {
  std::string text;
  for (const auto& s : settings_)
    if (const auto value = s->value(); value && s->traits.result && !s->traits.command_line_only)
      text += toml_line(s->name, *value);
  return text;
}

}  // namespace metatape::cli
