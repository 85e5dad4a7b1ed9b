// A team of workers: every block once, failures told, nesting serial.
#include "support/catch.hpp"

#include <atomic>
#include <limits>
#include <stdexcept>
#include <vector>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/machine.hpp"
#include "metatape/autodiff/threads.hpp"

using namespace metatape;

TEST_CASE("every block is done once, on any number of threads", "[threads]") {
  for (const int count : {1, 2, 3, 8}) {
    Threads threads(count);
    CHECK(threads.count() == count);
    for (const int blocks : {0, 1, 2, 7, 1000}) {
      std::vector<int> done(static_cast<std::size_t>(blocks));
      threads.run(blocks, [&](std::int64_t block, int worker) {
        done[static_cast<std::size_t>(block)] += 1 + (worker < 0 || worker >= count ? 100 : 0);
      });
      CHECK(done == std::vector<int>(static_cast<std::size_t>(blocks), 1));
    }
  }
}

TEST_CASE("many short regions in a row", "[threads]") {
  Threads threads(2);
  std::atomic<int> sum{0};
  for (int i = 0; i < 5000; ++i)
    threads.run(3, [&](std::int64_t block, int) { sum += static_cast<int>(block); });
  CHECK(sum == 15000);
}

TEST_CASE("the failure of the lowest block is thrown, the others finish", "[threads]") {
  for (const int count : {1, 2}) {
    Threads threads(count);
    std::atomic<int> done{0};
    const auto run = [&] {
      threads.run(10, [&](std::int64_t block, int) {
        if (block == 3 || block == 7) throw std::runtime_error("block " + std::to_string(block));
        ++done;
      });
    };
    REQUIRE_THROWS_WITH(run(), "block 3");
    CHECK(done == 8);
    threads.run(2, [&](std::int64_t, int) { ++done; });  // and the team is usable afterwards
    CHECK(done == 10);
  }
}

TEST_CASE("a region inside a block runs serially, as that worker", "[threads]") {
  Threads threads(2);
  std::atomic<int> wrong{0}, inner{0};
  threads.run(8, [&](std::int64_t, int outer) {
    threads.run(4, [&](std::int64_t, int worker) {
      ++inner;
      if (worker != outer) ++wrong;
    });
  });
  CHECK(inner == 32);
  CHECK(wrong == 0);
}

TEST_CASE("impossible counts are refused", "[threads]") {
  REQUIRE_THROWS_WITH(Threads(0), "threads: 0: 1 to 1024 are possible");
  REQUIRE_THROWS_WITH(Threads(1025), "threads: 1025: 1 to 1024 are possible");
  CHECK(available_cores() >= 1);
}

#if defined(__x86_64__) || defined(__aarch64__)
TEST_CASE("subnormal numbers are zero for whoever asks, and for the blocks of its regions",
          "[threads]") {
  constexpr int blocks = 64;
  const auto all = [](Threads& threads, bool zero) {
    std::atomic<int> right{0};
    threads.run(blocks, [&](std::int64_t, int) {
      volatile float least = std::numeric_limits<float>::min();
      volatile float tiny = std::numeric_limits<float>::denorm_min();
      const bool result = least / 2 == 0, operand = tiny * 1e30F == 0;
      right += result == zero && operand == zero;
    });
    return right.load();
  };
  Threads threads(3);
  CHECK(all(threads, false) == blocks);
  {
    const SubnormalsAsZero outer;
    CHECK(all(threads, true) == blocks);  // workers that were there before
    Threads later(2);
    CHECK(all(later, true) == blocks);
    { const SubnormalsAsZero inner; }
    CHECK(all(threads, true) == blocks);
  }
  CHECK(all(threads, false) == blocks);
}
#endif
