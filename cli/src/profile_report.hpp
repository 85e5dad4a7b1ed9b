// profile_report.hpp: --profile and --memory: where the time of a command went, by op, and how
// much memory it took.
#pragma once

#include <cstddef>

#include "console.hpp"
#include "metatape/autodiff/tape.hpp"
#include "report.hpp"

namespace metatape::cli {

/// Prints the table; its rows as JSON: op, calls, forward_s, pullback_s, mib.
Json profile_report(const Profile& profile, Console& console);

/// Prints the largest tape's memory and the process's; returns the first, in MiB.
double memory_report(std::size_t tape_bytes, Console& console);

}  // namespace metatape::cli
