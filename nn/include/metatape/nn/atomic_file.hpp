// atomic_file.hpp: a file that is there whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace metatape::nn {

/// Writes to "<path>.<process>.tmp" beside it, fsyncs, renames over `path`, fsyncs the folder. On
/// any failure the temporary is removed, the old file stays, and DataError names the file and the
/// system's reason. A link is followed; what is no plain file (a pipe, a device) is written to.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Temporaries that a killed process left beside `path`, removed; how many there were.
int remove_stray_temporaries(const std::filesystem::path& path);

/// The file's bytes. DataError names the file and the system's reason, or that it is larger than
/// `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 34);

}  // namespace metatape::nn
