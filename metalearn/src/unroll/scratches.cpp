#include "metatape/metalearn/unroll/scratches.hpp"

#include <utility>

#include "metatape/autodiff/threads.hpp"

namespace metatape::metalearn {

// Those of other threads than are asked for now are given up: their team may be gone.
std::unique_ptr<UnrollScratch> UnrollScratches::take(Threads* threads) {
  const std::lock_guard lock(mutex_);
  while (!spare_.empty()) {
    std::unique_ptr<UnrollScratch> s = std::move(spare_.back());
    spare_.pop_back();
    if (s->threads() == threads && s->workers() == (threads ? threads->count() : 1)) return s;
  }
  return std::make_unique<UnrollScratch>(threads);
}

void UnrollScratches::give(std::unique_ptr<UnrollScratch> scratch) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(scratch));
}

}  // namespace metatape::metalearn
