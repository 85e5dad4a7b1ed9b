// files.cpp: see files.hpp.
#include "files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "metatape/autodiff/error.hpp"

namespace metatape::tasks {

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  std::error_code why;
  const auto status = std::filesystem::status(path, why);
  if (why && why != std::errc::no_such_file_or_directory)
    throw DataError(fmt::format("{}: {}", path.string(), why.message()));
  if (!std::filesystem::exists(status)) throw DataError(path.string() + ": no such file");
  if (std::filesystem::is_directory(status))
    throw DataError(path.string() + ": a folder where a file is expected");
  if (!std::filesystem::is_regular_file(status))
    throw DataError(path.string() + ": not a regular file");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) throw DataError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  const std::uint64_t size = std::filesystem::file_size(path, why);
  if (why) throw DataError(fmt::format("{}: {}", path.string(), why.message()));
  if (size > limit)
    throw DataError(fmt::format("{}: {} bytes; at most {} are read", path.string(), size, limit));
  std::vector<std::uint8_t> bytes(size);
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    throw DataError(fmt::format("{}: {}", path.string(),
                                std::ferror(file.get()) ? std::strerror(errno) : "ended early"));
  return bytes;
}

}  // namespace metatape::tasks
