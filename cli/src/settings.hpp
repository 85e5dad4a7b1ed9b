// settings.hpp: every option of a command, declared once.
// A declaration ties a name to a variable. From it come the command-line option `--name`, the key
// `name` of --config, the line in config.toml, the help, and the checks and messages of all of
// them.
//
//   settings.add("way", options.way, "classes of an episode", {.least = 2, .most = 1000});
//   settings.add("learner", options.learner, "who learns", {.choices = learner_names()});
//   settings.add("scale", options.scale, "of distances; default the recipe's");   // std::optional
//
// A setting says where its value came from, so that a command can tell what the user asked for from
// what it filled in: parse, then give each std::optional its value, then let the run's folder write
// config.toml.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "toml_file.hpp"

namespace metatape::cli {

/// The variable behind a setting. A std::optional without a value is left out of config.toml. A
/// list is written A,B,C on the command line. A bool is a flag: --name, --no-name.
using Target =
    std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*,
                 std::vector<std::string>*, std::optional<bool>*, std::optional<int>*,
                 std::optional<std::int64_t>*, std::optional<double>*, std::optional<std::string>*>;

struct SettingTraits {
  std::string value_name{};            ///< in the help: N, DIR, NAME; by default from the type
  std::vector<std::string> choices{};  ///< the values of text (or of each of a list), if limited
  std::string what{};                  ///< `unknown WHAT 'x'`; by default the setting's name
  double least = -std::numeric_limits<double>::infinity();  ///< of a number
  double most = std::numeric_limits<double>::infinity();
  bool above_least = false;  ///< least itself is out
  bool result = true;        ///< determines the result: written to config.toml
  bool raisable = false;     ///< may be raised by --resume; every other result setting is kept
  bool positional = false;   ///< may stand without its name: `data show SPEC`
  bool required = false;
  bool hidden = false;  ///< not in the help: a value that the program fixes for itself
  bool command_line_only = false;
  bool repeatable = false;     ///< a list that may also be given item by item: --along A --along B
  std::string default_text{};  ///< shown in the help instead of the variable's value
  /// Text as it is kept (a data spec with absolute paths). Its DataError becomes a UsageError.
  std::function<std::string(const std::string&)> canonical{};
};

enum class Origin { unset, config, command_line };

class Settings {
 public:
  Settings();
  ~Settings();
  Settings(Settings&&) noexcept;

  /// The variable keeps its value as the default and must outlive the settings.
  template <class T>
  void add(std::string name, T& target, std::string help, SettingTraits traits = {}) {
    add_target(std::move(name), Target(&target), std::move(help), std::move(traits));
  }
  void add_target(std::string name, Target target, std::string help, SettingTraits traits);
  /// Settings added from here on stand under this heading in the help: "Training".
  void section(std::string title);

  /// Reads the words after `metatape noun verb`. HelpAsked (with an empty text) for --help;
  /// UsageError for unknown options (with the nearest), missing and wrong values.
  void read_command_line(const std::vector<std::string>& words);
  /// Sets what is in the file and was not set on the command line. Unknown keys are a UsageError
  /// with file, line and the nearest key, unless `ignore_unknown` (a command that reads the
  /// settings of a run that another command made). The keys `command` and `version` are about the
  /// run and are passed over.
  void read_config(const std::filesystem::path& path, bool ignore_unknown = false);
  void read_config_text(std::string_view text, const std::string& name,
                        bool ignore_unknown = false);

  /// To be called when all is read: canonical defaults, required settings present.
  void finish();

  /// What a resume changes against this run's config.toml: UsageError for a setting that decides
  /// the result and is not raisable, or for a raisable one that is lowered.
  void check_resume(const std::filesystem::path& config) const;

  /// Where the value comes from; an unknown name is a programming mistake and throws.
  [[nodiscard]] Origin origin(std::string_view name) const;
  [[nodiscard]] bool given(std::string_view name) const { return origin(name) != Origin::unset; }

  /// All settings that determine the result, as TOML.
  [[nodiscard]] std::string config_text() const;
  /// The table of options for --help, headings included.
  [[nodiscard]] std::string help() const;
  /// " [SPEC]" of `metatape data show [SPEC]`, for the usage line.
  [[nodiscard]] std::string positional_usage() const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Setting;
  [[nodiscard]] Setting* find(std::string_view name) const;
  std::vector<std::unique_ptr<Setting>> settings_;
  std::string section_;
};

/// "unknown WHAT 'x'; did you mean 'y'?", or "; one of a, b, c" when nothing is near.
std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known);

}  // namespace metatape::cli
