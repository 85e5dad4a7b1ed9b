// safetensors.hpp: Params as files that PyTorch and others read too.
//
// 8 bytes of header length, a JSON header, the tensors' bytes (little-endian, row-major, in the
// order of the Params). What we write holds in its `__metadata__` a file version, a CRC-32 a tensor
// and one of the header, and nothing that depends on clock, host or path: equal Params and metadata
// give equal bytes. Files by others are read too, without the checks that they lack.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "metatape/autodiff/params.hpp"

namespace metatape::nn {

using Metadata = std::map<std::string, std::string>;

struct Loaded {
  Params params;
  Metadata metadata;  ///< the caller's; ours is checked and taken off
};

/// Written whole or not at all (atomic_file.hpp). Keys of the metadata must not begin with
/// "metatape." or "crc32."; keys, values and names are UTF-8 (DataError).
void save(const std::string& path, const Params& params, const Metadata& metadata = {});

/// DataError is one sentence that begins with the path and says what is wrong: nothing is loaded
/// from a file with a hole, an overlap, a wrong checksum, another type than F32 or F64 throughout.
Loaded load(const std::string& path);

/// The same on bytes; `name` stands for the path in errors.
std::string to_safetensors(const Params& params, const Metadata& metadata = {});
Loaded from_safetensors(std::string_view bytes, const std::string& name);

/// DataError unless `params` has exactly the names, shapes and order of `expected`:
/// `NAME: 'head.weight' is [5, 64], this model wants [20, 64]`. Params in another order are put in
/// the expected one.
Params fitted(const Params& params, const Layout& expected, const std::string& name);

}  // namespace metatape::nn
