// points.hpp: many independent measurements, in parallel, each on one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn::detail {

/// f(i, scratch) for i in [0, count), the lowest first, each with a scratch of its worker's. Once
/// `stop` (may be empty; any thread asks) has said yes no more are begun. Tells which are done.
std::vector<char> points(std::int64_t count, Threads* threads, const std::function<bool()>& stop,
                         const std::function<void(std::int64_t i, UnrollScratch& scratch)>& f);

}  // namespace metatape::metalearn::detail
