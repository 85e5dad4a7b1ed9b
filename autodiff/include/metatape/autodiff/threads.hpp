// threads.hpp: a team of workers that a tape, a trainer or a sampler is given.
// Work is cut in blocks whose shape depends on the problem alone; which worker takes a block is
// chance, so a block must write only where no other does, and whoever reduces does so in block
// order. Then results have the same bits on any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace metatape {

/// n workers, the caller among them. BLAS is held to one thread while any Threads lives and set
/// back when the last one dies.
class Threads {
 public:
  /// Throws DataError when count < 1 or > 1024.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  [[nodiscard]] int count() const;

  /// Calls f(block, worker) for each block in [0, blocks), worker in [0, count()), and returns when
  /// all are done. An exception from a block is thrown again here (that of the lowest block); the
  /// others still finish. Called from inside a worker it runs serially, as worker of that worker.
  /// Workers round, and take subnormal numbers (machine.hpp), as the caller does.
  template <class F>
  void run(std::int64_t blocks, F&& f) {
    run_erased(
        blocks,
        [](void* g, std::int64_t block, int worker) {
          (*static_cast<std::remove_reference_t<F>*>(g))(block, worker);
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

 private:
  using Call = void (*)(void*, std::int64_t, int);
  void run_erased(std::int64_t blocks, Call call, void* f);
  struct Team;
  std::unique_ptr<Team> team_;
};

/// The cores this process may use (its CPU affinity).
int available_cores();

}  // namespace metatape
