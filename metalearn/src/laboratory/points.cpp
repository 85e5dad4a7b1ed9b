#include "points.hpp"

#include "metatape/autodiff/threads.hpp"

namespace metatape::metalearn::detail {

std::vector<char> points(std::int64_t count, Threads* threads, const std::function<bool()>& stop,
                         const std::function<void(std::int64_t, UnrollScratch&)>& f) {
  std::vector<UnrollScratch> scratches;
  for (int w = 0; w < (threads ? threads->count() : 1); ++w) scratches.emplace_back();
  std::vector<char> done(static_cast<std::size_t>(count), 0);
  const auto point = [&](std::int64_t i, int worker) {
    if (stop && stop()) return;
    f(i, scratches[static_cast<std::size_t>(worker)]);
    done[static_cast<std::size_t>(i)] = 1;
  };
  if (threads)
    threads->run(count, point);
  else
    for (std::int64_t i = 0; i < count; ++i) point(i, 0);
  return done;
}

}  // namespace metatape::metalearn::detail
