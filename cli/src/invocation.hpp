// invocation.hpp: one run of one command: its settings, its streams, its report.
// A command is a function of an Invocation:
//
//   int show(Invocation& in) {
//     int way = 5;
//     in.settings.add("way", way, "classes of an episode", {.least = 2, .most = 1000});
//     in.take({.seed = true, .threads = true, .data = true});
//     in.parse();                       // from here on the variables hold what was asked for
//     ...
//     in.console.print(table.text());
//     in.finish({{"way", way}});        // --json, and summary.json where there is a run's folder
//     return exit_done;
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "console.hpp"
#include "failure.hpp"
#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/tape.hpp"
#include "report.hpp"
#include "run_folder.hpp"
#include "settings.hpp"

namespace metatape::cli {

class Invocation;

/// A row of the program's table of commands.
struct Command {
  const char* noun;
  const char* verb;     ///< "" for a noun that is a command itself
  const char* summary;  ///< one line
  const char* example;  ///< shown by --help; may be several lines
  int (*run)(Invocation&);
};

/// Which of the common options a command takes; --config, --json, --quiet, --verbose and --color
/// are every command's.
struct Takes {
  bool seed = false;
  bool threads = false;
  bool data = false;
  bool data_positional = false;  ///< SPEC may stand without --data
  bool out = false;              ///< --out and --force: writes only where told
  bool run = false;              ///< --out, --force, --resume: makes a run's folder
  bool dtype = false;
  bool profile = false;  ///< --profile
  bool memory = false;   ///< --memory
};

/// Their values.
struct Common {
  std::uint64_t seed = 1;
  int threads = 1;
  std::string data = "strokes";  ///< after parse(): said in full, with absolute paths
  std::string out, resume, config, json;
  bool force = false, quiet = false, verbose = false, profile = false, memory = false;
  std::string color = "auto";
  std::string dtype = "f32";

  [[nodiscard]] DType number() const { return dtype == "f64" ? DType::f64 : DType::f32; }
};

class Invocation {
 public:
  /// `words`: what was typed after noun and verb; `typed`: all of it, for the summary.
  Invocation(const Command& command, std::vector<std::string> words,
             std::vector<std::string> typed);

  const Command& command;
  Settings settings;
  Common common;
  Console console;
  bool silent = false;  ///< a step of another command: print nothing to standard output

  void take(const Takes& takes);
  /// Command line, then --config, then (with --resume) the run's own config.toml, which no other
  /// option may contradict. Throws UsageError, HelpAsked.
  void parse();

  /// For a command that takes `run`: makes or reopens the folder and holds it until the invocation
  /// ends. A new one gets its config.toml at once: give every std::optional its value before.
  RunFolder& open_run();
  /// For a command that takes `out`: the folder of --out, or nothing when it was not given. Its
  /// files go straight into it.
  RunFolder* open_out();
  /// Writes config.toml anew: a planned count has been fixed.
  void rewrite_config();

  /// --json, and summary.json in the folder of open_run() or open_out(); with --profile the table
  /// of ops is printed and is in both, as "profile".
  void finish(Json result);
  /// Saved and stopped by a signal: summary.json with what there is, then throws Interrupted with
  /// "interrupted; saved in DIR; go on with: metatape noun verb --resume DIR".
  [[noreturn]] void interrupted(Json result);

  /// Seconds since the start.
  [[nodiscard]] double wall_s() const;
  /// `metatape noun verb`.
  [[nodiscard]] std::string name() const;

 private:
  [[nodiscard]] std::string help() const;
  void report(Json result, bool interrupted);
  [[nodiscard]] std::string config_text() const;
  Takes takes_{};
  std::vector<std::string> words_, typed_;
  std::chrono::steady_clock::time_point begin_;
  std::optional<RunFolder> folder_;
  std::optional<ProfileAll> profile_;
};

/// Who wrote a run's config.toml, "fewshot train"; empty when it does not say.
std::string command_of(const std::filesystem::path& config);

}  // namespace metatape::cli
