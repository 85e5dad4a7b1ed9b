#include "console.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "failure.hpp"

namespace metatape::cli {

namespace {

bool colours(Color color, int descriptor) {
  if (color != Color::automatic) return color == Color::always;
  const char* no = std::getenv("NO_COLOR");
  if (no && *no) return false;
  const char* term = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && term && std::strcmp(term, "dumb") != 0;
}

std::string painted(Paint paint, std::string_view text, bool on) {
  if (!on || paint == Paint::plain) return std::string(text);
  constexpr const char* codes[] = {"0", "1", "2", "31", "32", "33"};
  return std::string("\033[") + codes[static_cast<int>(paint)] + "m" + std::string(text) +
         "\033[0m";
}

[[noreturn]] void output_failed(int error) {
  throw DataError(std::string("standard output cannot be written: ") + std::strerror(error));
}

}  // namespace

Console::Console(ConsoleOptions options)
    : options_(options),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1),
      paint_output_(colours(options.color, STDOUT_FILENO)),
      paint_error_(colours(options.color, STDERR_FILENO)) {}

void Console::print(std::string_view text) {
  if (!options_.silent_output) print_raw(text);
}

void Console::print_raw(std::string_view text) {
  close_line();
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) output_failed(errno);
}

void Console::note(std::string_view line) {
  if (options_.quiet) return;
  close_line();
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

void Console::detail(std::string_view line) {
  if (options_.verbose) note(line);
}

void Console::warn(std::string_view line) {
  close_line();
  std::fprintf(stderr, "metatape: %s%.*s\n", paint_error(Paint::yellow, "warning: ").c_str(),
               static_cast<int>(line.size()), line.data());
}

std::string Console::paint(Paint paint, std::string_view text) const {
  return painted(paint, text, paint_output_);
}

std::string Console::paint_error(Paint paint, std::string_view text) const {
  return painted(paint, text, paint_error_);
}

void Console::close_line() {
  if (!line_open_) return;
  std::fputs("\r\033[K", stderr);  // the progress line is drawn again at its next update
  line_open_ = false;
}

void prepare_streams() {
  // Read-only, so that writing there is an error still.
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDONLY);
  std::signal(SIGPIPE, SIG_IGN);
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) output_failed(errno == 0 ? EIO : errno);
}

}  // namespace metatape::cli
