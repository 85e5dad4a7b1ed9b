// console.hpp: where words go. Results to standard output, everything else to standard error.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace metatape::cli {

enum class Color { automatic, always, never };

struct ConsoleOptions {
  bool quiet = false;          ///< no notes, no progress
  bool verbose = false;        ///< details too
  bool silent_output = false;  ///< `--json -`: print() prints nothing
  Color color = Color::automatic;
};

enum class Paint { plain, bold, dim, red, green, yellow };

class Console {
 public:
  explicit Console(ConsoleOptions options = {});

  /// A result: to standard output. DataError when that is closed or full.
  void print(std::string_view text);
  /// To standard output whatever `silent_output` says: the JSON itself.
  void print_raw(std::string_view text);
  /// A line for the user, on standard error; nothing when quiet.
  void note(std::string_view line);
  /// A line that only --verbose shows.
  void detail(std::string_view line);
  /// `metatape: warning: ...`, quiet or not.
  void warn(std::string_view line);

  /// `text` in colour if standard output (or error) shows it: a terminal, --color, NO_COLOR.
  [[nodiscard]] std::string paint(Paint paint, std::string_view text) const;
  [[nodiscard]] std::string paint_error(Paint paint, std::string_view text) const;

  [[nodiscard]] const ConsoleOptions& options() const { return options_; }
  [[nodiscard]] bool error_is_terminal() const { return error_is_terminal_; }

 private:
  friend class Progress;
  ConsoleOptions options_;
  bool error_is_terminal_ = false, paint_output_ = false, paint_error_ = false;
  bool line_open_ = false;  // a progress line stands on the terminal
  void close_line();
};

/// To be called first in main: descriptors 0, 1 and 2 that are closed are taken, so that no file
/// opened later becomes standard output; SIGPIPE is ignored, so that a closed pipe is an error.
void prepare_streams();
/// DataError when what was printed could not be written.
void flush_output();

}  // namespace metatape::cli
