// program.hpp: from the words of the command line to an exit code.
#pragma once

#include <string>
#include <vector>

namespace metatape::cli {

/// Finds the command, runs it, and turns whatever it throws into one line and an exit code.
/// `words` come without the program's name.
int run_program(const std::vector<std::string>& words);

}  // namespace metatape::cli
