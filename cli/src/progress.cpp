#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace metatape::cli {

namespace {

using Seconds = std::chrono::duration<double>;
constexpr double terminal_every = 0.2, plain_every = 10;  // seconds

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string grouped(std::int64_t n) {
  std::string text = std::to_string(n);
  const std::size_t first = n < 0 ? 1 : 0;
  for (std::size_t i = text.size(); i > first + 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string progress_line(const ProgressOptions& options, std::int64_t done, double elapsed,
                          const std::vector<std::pair<std::string, double>>& values) {
  const std::int64_t since = done - options.start;
  std::string line = grouped(done);
  if (options.total > 0) line += "/" + grouped(options.total);
  line += " " + options.what;
  if (options.total > 0) line += fmt::format("  {} %", done * 100 / options.total);
  const double rate = elapsed > 0 ? static_cast<double>(since) / elapsed : 0;
  if (since > 0 && rate > 0)
    line += fmt::format("  {:.{}f}/s", rate, rate < 10 ? 2 : rate < 100 ? 1 : 0);
  for (const auto& [name, value] : values)
    if (std::isfinite(value)) line += fmt::format("  {} {:.4g}", name, value);
  double left = options.seconds > 0 ? options.seconds - elapsed : INFINITY;
  if (options.total > 0 && rate > 0)
    left = std::min(left, static_cast<double>(options.total - done) / rate);
  if (std::isfinite(left)) line += "  " + clock_text(left) + " left";
  return line;
}

Progress::Progress(Console& console, ProgressOptions options)
    : console_(console),
      options_(std::move(options)),
      begin_(std::chrono::steady_clock::now()),
      shown_(begin_) {}

Progress::~Progress() { console_.close_line(); }

void Progress::update(std::int64_t done,
                      const std::vector<std::pair<std::string, double>>& values) {
  if (console_.options().quiet) return;
  const auto now = std::chrono::steady_clock::now();
  const bool terminal = console_.error_is_terminal();
  if (Seconds(now - shown_).count() < (terminal ? terminal_every : plain_every)) return;
  shown_ = now;
  std::string line = progress_line(options_, done, Seconds(now - begin_).count(), values);
  if (!terminal) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  line.resize(std::min(line.size(), terminal_width() - 1));  // a wrapped line cannot be rewritten
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  console_.line_open_ = true;
}

}  // namespace metatape::cli
