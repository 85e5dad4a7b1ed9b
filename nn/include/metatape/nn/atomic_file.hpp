// atomic_file.hpp: a file written whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace metatape::nn {

/// Writes `path`.part beside it, syncs it, renames it to `path` and syncs the folder: after a crash
/// or a loss of power at any moment, `path` holds the old bytes or the new ones. A symbolic link is
/// followed. The part is removed when something fails; one left by a killed process is overwritten
/// by the next write of `path`, of which there may be one at a time.
/// DataError: `PATH: cannot write: No space left on device`.
void write_atomically(const std::string& path, std::string_view bytes);

}  // namespace metatape::nn
