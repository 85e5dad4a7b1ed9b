// toml_guard.hpp: what is checked before toml11 sees a byte.
// toml11 recurses for each bracket and each part of a dotted key, and 3.7 reads an integer beyond
// 64 bits as the largest one: one linear pass refuses such text, and notes the line of each key.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace metatape::cli {

/// Line (from 1) of each plain key outside of tables. UsageError "NAME:LINE: why": larger than 1
/// MiB, a byte order mark, NUL or another control character, not UTF-8, nesting beyond 16, keys of
/// more than 16 parts, a key set twice, an integer beyond 64 bits.
std::unordered_map<std::string, int> guard_toml(std::string_view text, const std::string& name);

}  // namespace metatape::cli
