#include "metatape/nn/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "metatape/autodiff/error.hpp"

namespace metatape::nn {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view temporary = ".tmp";

[[noreturn]] void fail(const fs::path& path, const char* what, int error) {
  throw DataError(path.string() + ": " + what + ": " + std::strerror(error));
}

struct File {
  int fd = -1;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

int opened(const fs::path& path, int flags) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

bool written(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

int synced(int fd) {
  int r;
  do r = ::fsync(fd);
  while (r < 0 && errno == EINTR);
  return r;
}

}  // namespace

void write_atomically(const fs::path& to, std::string_view bytes) {
  // A rename would put a plain file in the place of a device or a pipe (`--json /dev/null`, as
  // root), or of a link that the user set.
  fs::path path = to;
  struct stat info {};
  if (::stat(to.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) fail(to, "cannot be written", EISDIR);
    if (!S_ISREG(info.st_mode)) {
      const File file{opened(to, O_WRONLY)};
      if (file.fd < 0 || !written(file.fd, bytes)) fail(to, "cannot be written", errno);
      return;
    }
    std::error_code none;
    if (fs::is_symlink(to, none)) path = fs::canonical(to, none);
    if (none) fail(to, "cannot be written", none.value());
  }
  const fs::path beside = path.string() + "." + std::to_string(::getpid()) + std::string(temporary);
  const auto give_up = [&](const char* what) {
    const int error = errno;
    ::unlink(beside.c_str());
    fail(path, what, error);
  };
  {
    File file{opened(beside, O_WRONLY | O_CREAT | O_TRUNC)};
    if (file.fd < 0) give_up("cannot be written");
    if (!written(file.fd, bytes)) give_up("cannot be written");
    if (synced(file.fd) < 0) give_up("cannot be brought to the disk");
    const int fd = file.fd;
    file.fd = -1;
    if (::close(fd) < 0 && errno != EINTR) give_up("cannot be written");
  }
  if (::rename(beside.c_str(), path.c_str()) < 0) give_up("cannot be put in place");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const File file{opened(folder, O_RDONLY | O_DIRECTORY)};
  // Some file systems cannot sync a folder (EINVAL); the new file is in place all the same.
  if (file.fd >= 0 && synced(file.fd) < 0 && errno != EINVAL && errno != EROFS)
    fail(folder, "cannot be brought to the disk", errno);
}

int remove_stray_temporaries(const fs::path& path) {
  int count = 0;
  const std::string name = path.filename().string() + ".";
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string other = entry.path().filename().string();
    if (!other.starts_with(name) || !other.ends_with(temporary)) continue;
    const std::string process =
        other.substr(name.size(), other.size() - name.size() - temporary.size());
    if (process.empty() || process.find_first_not_of("0123456789") != std::string::npos) continue;
    count += fs::remove(entry.path(), ignored) ? 1 : 0;
  }
  return count;
}

std::string read_file(const fs::path& path, std::size_t limit) {
  const File file{opened(path, O_RDONLY)};
  if (file.fd < 0) fail(path, "cannot be read", errno);
  struct stat info {};
  if (::fstat(file.fd, &info) < 0) fail(path, "cannot be read", errno);
  if (S_ISDIR(info.st_mode)) fail(path, "cannot be read", EISDIR);
  const auto too_large = [&] {
    throw DataError(path.string() + ": larger than " + std::to_string(limit) + " bytes");
  };
  if (info.st_size > 0 && static_cast<std::size_t>(info.st_size) > limit) too_large();
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(info.st_size));
  char block[1 << 16];
  while (true) {
    const ssize_t n = ::read(file.fd, block, sizeof(block));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "cannot be read", errno);
    if (n == 0) return bytes;
    bytes.append(block, static_cast<std::size_t>(n));
    if (bytes.size() > limit) too_large();
  }
}

}  // namespace metatape::nn
