// profile_report.hpp: --profile: where the time of a training went, by op.
#pragma once

#include "console.hpp"
#include "metatape/autodiff/tape.hpp"
#include "report.hpp"

namespace metatape::cli {

/// Prints the table; its rows as JSON: op, calls, forward_s, pullback_s, mib.
Json profile_report(const Profile& profile, Console& console);

}  // namespace metatape::cli
