// failure.hpp: how a command ends otherwise than well. What a command throws becomes one line
// `metatape: error: ...` on standard error and an exit code, in main.cpp and nowhere else.
#pragma once

#include <string>
#include <utility>

#include "metatape/autodiff/error.hpp"

namespace metatape::cli {

enum ExitCode : int { exit_done = 0, exit_failed = 1, exit_usage = 2, exit_interrupted = 130 };

/// The words of the user ask for something that does not exist or cannot be: exit 2. Every other
/// metatape::Error is exit 1 (but tasks::SpecError, which is usage too).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Stopped by Ctrl-C or SIGTERM with everything saved: exit 130. The text says how to go on.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// --help was asked for: its text goes to standard output, exit 0.
struct HelpAsked {
  std::string text;
};

}  // namespace metatape::cli
