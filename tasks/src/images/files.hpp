// files.hpp: a file's bytes, with a limit and one clear line when they cannot be had.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace metatape::tasks {

/// All bytes of a regular file. Throws DataError "PATH: why" (missing, a folder, unreadable, longer
/// than `limit`).
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace metatape::tasks
