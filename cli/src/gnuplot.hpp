// gnuplot.hpp: gnuplot as a child process, found on the PATH when a figure is to be drawn.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace metatape::cli {

struct Drawing {
  std::string svg{};     ///< empty when it could not be drawn, and then
  std::string reason{};  ///< why, in a line
};

/// Runs SCRIPT (a file's name) in FOLDER and takes what it draws on its standard output; nothing
/// when there is no gnuplot. No shell, no settings of the user's.
std::optional<Drawing> run_gnuplot(const std::filesystem::path& folder, const std::string& script);

}  // namespace metatape::cli
