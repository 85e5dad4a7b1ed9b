// setting.hpp: one declared setting, for settings.cpp and command_line.cpp alone.
#pragma once

#include <string>
#include <string_view>

#include "settings.hpp"

namespace metatape::cli {

struct Settings::Setting {
  std::string name;
  Target target;
  std::string help;
  SettingTraits traits;
  std::string section;
  std::string shown_default;  // the variable's value when it was declared
  Origin origin = Origin::unset;

  [[nodiscard]] bool is_flag() const;
  /// N, X, NAME, LIST: what stands for the value in the help.
  [[nodiscard]] std::string value_name() const;
  /// Its value, if it has one.
  [[nodiscard]] std::optional<TomlValue> value() const;
  /// `place` begins the message: "--shot" or "exp.toml:3: shot".
  void set_text(const std::string& text, const std::string& place);
  void set_value(const TomlValue& value, const std::string& place);
  void set_flag(bool on);

 private:
  [[nodiscard]] std::string range() const;
  void set_number(double number, const std::string& place, const std::string& shown) const;
  void check_choice(const std::string& text, const std::string& place) const;
  [[nodiscard]] std::string canonical(const std::string& text, const std::string& place) const;
  friend class Settings;
};

}  // namespace metatape::cli
