// budget.hpp: exact reverse mode within so many bytes.
// Recorded whole, a run costs its steps times the memory of one; in segments of S steps it costs S
// times that and a state for each segment, and each step is made twice. The shortest segments are
// not the least memory: then states are what fills it.
#pragma once

#include <cstdint>

#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "study.hpp"

namespace metatape::cli {

/// The longest segments that keep the study's run within `bytes`, the whole run where it fits; by
/// the memory of a few steps, which is measured. UsageError for less than any segments need.
metalearn::Reverse exact_within(const Study& study, std::int64_t bytes, Threads* threads);

}  // namespace metatape::cli
