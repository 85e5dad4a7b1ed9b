#include "run_folder.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "failure.hpp"
#include "metatape/nn/atomic_file.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* lock_name = ".lock";
constexpr const char* own_files[] = {"config.toml",
                                     "metrics.jsonl",
                                     "checkpoint.safetensors",
                                     "optimizer.safetensors",
                                     "summary.json",
                                     "table.csv",
                                     "report.html"};
constexpr std::size_t largest_metrics = std::size_t{1} << 32;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw DataError(path.string() + ": " + why);
}

/// Held until the descriptor is closed, by whatever end of the process.
int locked(const fs::path& folder) {
  const fs::path path = folder / lock_name;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) fail(folder, std::string("cannot be written: ") + std::strerror(errno));
  int r;
  do r = ::flock(fd, LOCK_EX | LOCK_NB);
  while (r < 0 && errno == EINTR);
  if (r < 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    fail(folder, "another process is working on this run");
  }
  return fd;  // on a file system without locks the run goes on without one
}

void remove_strays(const fs::path& folder) {
  for (const char* name : own_files) nn::remove_stray_temporaries(folder / name);
  const fs::path figures = folder / "figures";
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(figures, none)) {
    fs::path name = entry.path().filename();  // loss.svg.4711.tmp
    for (int dots = 0; dots < 2; ++dots) name.replace_extension();
    if (!name.empty()) nn::remove_stray_temporaries(figures / name);
  }
}

// Of `--seeds`: a run in a folder seed-<whole number>.
void remove_seeds(const fs::path& folder) {
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("seed-") && name.find_first_not_of("0123456789", 5) == std::string::npos &&
        fs::exists(entry.path() / "config.toml"))
      runs.push_back(entry.path());
  }
  for (const fs::path& run : runs) fs::remove_all(run);
}

bool holds_anything(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != lock_name) return true;
  return false;
}

}  // namespace

RunFolder::RunFolder(fs::path path, int lock, bool resumed)
    : path_(std::move(path)), lock_(lock), resumed_(resumed) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      resumed_(other.resumed_) {}

RunFolder RunFolder::create(const fs::path& path, bool force) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status))
    fail(path, "is a file, and a folder is needed");
  fs::create_directories(path, error);
  std::error_code none;
  if (error && !fs::is_directory(path, none)) fail(path, "cannot be made: " + error.message());
  try {
    if (holds_anything(path) && !force)
      fail(path, "is not empty; name another --out, or add --force to write over it");
    RunFolder folder(path, locked(path), false);
    // Figures and seeds go only with the run that made them: --force on a folder of the user's own
    // keeps his.
    if (fs::exists(folder.config())) {
      fs::remove_all(path / "figures");
      remove_seeds(path);
    }
    for (const char* name : own_files) fs::remove(path / name);
    remove_strays(path);
    return folder;
  } catch (const fs::filesystem_error& e) {
    fail(path, "cannot be written: " + e.code().message());
  }
}

RunFolder RunFolder::create_default(std::string_view noun, std::string_view verb) {
  const std::string name =
      fmt::format("runs/{}{}{}-{:%Y%m%dT%H%M%SZ}", noun, verb.empty() ? "" : "-", verb,
                  fmt::gmtime(std::time(nullptr)));
  std::error_code error;
  fs::create_directories("runs", error);
  if (error) fail("runs", "cannot be made: " + error.message());
  for (int n = 1;; ++n) {
    const fs::path path = n == 1 ? name : fmt::format("{}-{}", name, n);
    // Whoever makes the folder owns the name.
    if (fs::create_directory(path, error)) return create(path, false);
    if (error) fail(path, "cannot be made: " + error.message());
  }
}

RunFolder RunFolder::resume(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) fail(path, "there is no such run");
  if (!fs::exists(path / "config.toml", error))
    fail(path, "no config.toml in it: not a run that can go on");
  RunFolder folder(path, locked(path), true);
  remove_strays(path);
  return folder;
}

bool RunFolder::has_checkpoint() const {
  std::error_code error;
  return fs::exists(checkpoint(), error);
}

fs::path RunFolder::figures() const {
  const fs::path folder = path_ / "figures";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "cannot be made: " + error.message());
  return folder;
}

void RunFolder::write_config(std::string_view toml) const { nn::write_atomically(config(), toml); }

void RunFolder::write_summary(const Json& summary) const {
  nn::write_atomically(path_ / "summary.json", json_text(summary, true));
}

Metrics RunFolder::open_metrics(std::int64_t last_step, KeptMetrics* kept) const {
  const fs::path path = path_ / "metrics.jsonl";
  std::error_code error;
  if (fs::exists(path, error)) {
    KeptMetrics found =
        keep_metrics(nn::read_file(path, largest_metrics), last_step, path.string());
    if (found.torn || found.beyond > 0) nn::write_atomically(path, found.text);
    if (kept) *kept = std::move(found);
  }
  return Metrics(path);
}

}  // namespace metatape::cli
