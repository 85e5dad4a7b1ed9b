#include "process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace bench {

std::optional<std::string> output_of(const std::vector<std::string>& words,
                                     const Environment& environment) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    std::vector<char*> arguments;
    for (const std::string& w : words) arguments.push_back(const_cast<char*>(w.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    std::_Exit(127);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return text;
}

double field(const std::string& json, const std::string& name) {
  const std::size_t at = json.find('"' + name + '"');
  const std::size_t colon = json.find(':', std::min(at, json.size()));
  if (colon == std::string::npos) return std::nan("");
  return std::strtod(json.c_str() + colon + 1, nullptr);
}

std::vector<std::string> measuring(const std::string& program, const std::string& workload,
                                   const Options& o) {
  return {program,
          "--workload",
          workload,
          "--threads",
          std::to_string(o.threads),
          "--repeat",
          std::to_string(o.repeat),
          "--warmup",
          std::to_string(o.warmup),
          "--dtype",
          o.wide ? "f64" : "f32",
          "--json"};
}

}  // namespace bench
