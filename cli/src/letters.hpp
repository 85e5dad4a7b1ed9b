// letters.hpp: letters of 5 x 7 pixels, so that pictures can be labelled without any font.
#pragma once

#include <string>
#include <string_view>

namespace metatape::cli {

inline constexpr int letter_width = 6, letter_height = 8;  ///< with the blank between letters

/// Whether pixel (row, column) of the letter is ink; characters that are not printable ASCII are
/// drawn as '?'.
bool letter_ink(char letter, int row, int column);

/// The text with one '?' for each character that is not ASCII.
std::string ascii(std::string_view utf8);

}  // namespace metatape::cli
