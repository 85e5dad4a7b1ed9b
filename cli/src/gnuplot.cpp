#include "gnuplot.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace metatape::cli {

namespace {

/// The first executable of that name on the PATH.
std::string on_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (std::string_view left = path ? path : ""; !left.empty();) {
    const std::size_t end = std::min(left.find(':'), left.size());
    const std::string file = std::string(left.substr(0, end)) + "/" + name;
    if (end > 0 && ::access(file.c_str(), X_OK) == 0) return file;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return "";
}

std::string failure(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

/// All that comes from a descriptor, which is closed.
std::string drained(int fd) {
  std::string all;
  char block[1 << 14];
  while (true) {
    const ssize_t n = ::read(fd, block, sizeof(block));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    all.append(block, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return all;
}

}  // namespace

std::optional<Drawing> run_gnuplot(const std::filesystem::path& folder, const std::string& script) {
  const std::string program = on_path("gnuplot");
  if (program.empty()) return std::nullopt;
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return Drawing{.reason = failure("pipe")};
  // Everything that the child needs is made before the fork: it may call only what signals may.
  const std::string where = folder.empty() ? "." : folder.string();
  const char* const words[] = {"gnuplot", "-d", script.c_str(), nullptr};
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(out[0]);
    ::close(out[1]);
    return Drawing{.reason = failure("fork")};
  }
  if (child == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    const int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(nothing, STDERR_FILENO);
    if (::chdir(where.c_str()) == 0) ::execv(program.c_str(), const_cast<char* const*>(words));
    ::_exit(127);
  }
  ::close(out[1]);
  Drawing drawing{.svg = drained(out[0])};
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool drawn = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!drawn || drawing.svg.find("</svg>") == std::string::npos)
    return Drawing{.reason = "gnuplot did not draw it"};
  return drawing;
}

}  // namespace metatape::cli
