// metrics.cpp: metrics.jsonl: a line is written whole by one call, so only the last can be torn.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "failure.hpp"
#include "run_folder.hpp"

namespace metatape::cli {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw DataError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(error)));
}

}  // namespace

Metrics::Metrics(std::filesystem::path path) : path_(std::move(path)) {
  do fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) fail(path_, errno);
}

Metrics::~Metrics() {
  if (fd_ >= 0) ::close(fd_);
}

Metrics::Metrics(Metrics&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

Metrics& Metrics::operator=(Metrics&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Metrics::append(const Json& line) {
  const std::string text = json_text(line);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, errno);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

KeptMetrics keep_metrics(std::string_view text, std::int64_t last_step, const std::string& name) {
  KeptMetrics kept;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      kept.torn = true;
      break;
    }
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    Json json = Json::parse(line, nullptr, false);
    const auto step = json.is_object() ? json.find("step") : json.end();
    if (step == json.end() || !step->is_number_integer()) {
      if (text.empty()) {  // a crash of the machine can leave a last line of other bytes
        kept.torn = true;
        break;
      }
      throw DataError(fmt::format("{}:{}: not an object with a step", name, number));
    }
    if (step->get<std::int64_t>() > last_step) {
      ++kept.beyond;
      continue;
    }
    kept.text += line;
    kept.lines.push_back(std::move(json));
  }
  return kept;
}

double seconds_spent(const KeptMetrics& kept) {
  if (kept.lines.empty()) return 0;
  const Json& last = kept.lines.back();
  const auto wall = last.find("wall_s");
  return wall != last.end() && wall->is_number() ? wall->get<double>() : 0;
}

}  // namespace metatape::cli
