// scratches.hpp: warm scratches for whoever unrolls from several threads at once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "metatape/metalearn/unroll/unroll.hpp"

namespace metatape::metalearn {

/// One scratch for each call that is under way; they are kept for the calls to come.
class UnrollScratches {
 public:
  /// f(scratch), of a scratch with these threads (may be null) that no one else has meanwhile.
  template <class F>
  auto with(Threads* threads, const F& f) {
    std::unique_ptr<UnrollScratch> scratch = take(threads);
    auto result = f(*scratch);
    give(std::move(scratch));
    return result;
  }

 private:
  std::unique_ptr<UnrollScratch> take(Threads* threads);
  void give(std::unique_ptr<UnrollScratch> scratch);

  std::mutex mutex_;
  std::vector<std::unique_ptr<UnrollScratch>> spare_;
};

}  // namespace metatape::metalearn
