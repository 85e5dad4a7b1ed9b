// safetensors.hpp: Params in files that other programs read too.
// The format is huggingface's safetensors: a length, a JSON header, the bytes. In the metadata
// stand our own fields: a CRC-32 a tensor, so that a flipped bit is an error and not a wrong
// result. docs/formats.md has every byte.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "metatape/autodiff/params.hpp"

namespace metatape::nn {

struct Checkpoint {
  Params params{};
  std::map<std::string, std::string> metadata{};  ///< without the checksums
};

/// The file's bytes. Equal input, equal bytes: nothing in them depends on clock, host or path.
/// DataError for a metadata name that starts with "crc32." or is "metatape.version" (ours), for a
/// tensor named "__metadata__", for text that is not UTF-8, and for a header beyond 100 MB.
std::string to_safetensors(const Checkpoint& checkpoint);
/// As of the parts joined, without joining them. DTypeError when their types differ.
std::string to_safetensors(const std::vector<Params>& parts,
                           const std::map<std::string, std::string>& metadata);

/// The other way. `source` is named in errors. DataError says what is wrong with the bytes: cut,
/// header that is no JSON, names twice, shapes that overflow, offsets that overlap or leave holes,
/// types other than F32 and F64 or both mixed, a checksum that differs, a newer version of ours.
Checkpoint from_safetensors(const std::string& bytes, const std::string& source = "safetensors");

/// Writes the whole file or nothing (see atomic_file.hpp).
void save(const std::filesystem::path& path, const Checkpoint& checkpoint);
void save(const std::filesystem::path& path, const std::vector<Params>& parts,
          const std::map<std::string, std::string>& metadata);
/// DataError names the file and what is wrong with it.
Checkpoint load(const std::filesystem::path& path);

/// Throws DataError unless `found` has the names and shapes of `wanted`; says which is missing,
/// left over or of another shape.
void require_layout(const Layout& found, const Layout& wanted, const std::string& source);

}  // namespace metatape::nn
