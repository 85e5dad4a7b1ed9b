// steps.hpp: commands run as steps of another, in this process.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "invocation.hpp"

namespace metatape::cli {

/// Runs `typed`, the words after `metatape`, with the threads, colours and silence of `whole`, and
/// says what is run. What the command throws goes through.
void run_step(Invocation& whole, std::vector<std::string> typed);

/// The result in a summary object's file; empty where there is none, or the command that wrote it
/// was interrupted.
std::optional<Json> result_of(const std::filesystem::path& summary);

}  // namespace metatape::cli
