// threads.cpp: a team that spins briefly and then sleeps.
// Blocks are handed out by one counter. Who gets which is chance; what a block computes is not. A
// worker that runs out of blocks spins for some microseconds, since the next region of a training
// step is usually near, and then waits on a condition variable.
#include "metatape/autodiff/threads.hpp"

#include <dlfcn.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "float_mode.hpp"
#include "metatape/autodiff/error.hpp"

namespace metatape {

namespace {

// ---- BLAS on one thread while a team lives ------------------------------------------------------
// The functions are looked up at run time: metatape must link with any flavour of OpenBLAS (serial,
// pthread, OpenMP) and with other BLAS. In the OpenMP flavour the setting of one thread does not
// reach others, so each worker also holds its own OpenMP.

template <class F>
F* symbol(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_DEFAULT, name));
}

struct Blas {
  std::mutex mutex;
  int teams = 0;
  int before = 1;
};
Blas& blas() {
  static Blas* const immortal = new Blas;
  return *immortal;
}

void hold_blas() {
  Blas& b = blas();
  const std::lock_guard lock(b.mutex);
  if (b.teams++ > 0) return;
  if (auto* get = symbol<int()>("openblas_get_num_threads")) b.before = get();
  if (auto* set = symbol<void(int)>("openblas_set_num_threads")) set(1);
}

void let_blas_go() {
  Blas& b = blas();
  const std::lock_guard lock(b.mutex);
  if (--b.teams > 0) return;
  if (auto* set = symbol<void(int)>("openblas_set_num_threads")) set(b.before);
}

void hold_openmp_of_this_thread() {
  auto* parallel = symbol<int()>("openblas_get_parallel");
  constexpr int openmp = 2;
  if (!parallel || parallel() != openmp) return;
  if (auto* set = symbol<void(int)>("omp_set_num_threads")) set(1);
}

// Set while this thread works on a block: a region inside one does not split again.
thread_local int inside_as = -1;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

struct Threads::Team {
  std::mutex regions;  // one region at a time; callers from other threads wait their turn

  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<std::uint64_t> generation{0};
  bool ends = false;

  // The region at work.
  Call call = nullptr;
  void* f = nullptr;
  std::int64_t blocks = 0;
  std::uint64_t mode =
      0;  // of the caller's arithmetic: a block's bits must not depend on who took it
  std::atomic<std::int64_t> next{0};
  std::atomic<int> busy{0};  // workers that have not finished it, the caller left out

  std::mutex failure_mutex;
  std::exception_ptr failure;
  std::int64_t failed_block = 0;

  std::vector<std::thread> workers;

  void work(int worker) {
    inside_as = worker;
    for (std::int64_t block; (block = next.fetch_add(1, std::memory_order_relaxed)) < blocks;) {
      try {
        call(f, block, worker);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure || block < failed_block) {
          failure = std::current_exception();
          failed_block = block;
        }
      }
    }
    inside_as = -1;
  }

  void serve(int worker) {
    hold_openmp_of_this_thread();
    std::uint64_t seen = 0;
    while (true) {
      for (int spin = 0; spin < 4000 && generation.load(std::memory_order_acquire) == seen; ++spin)
        pause();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return generation.load(std::memory_order_relaxed) != seen; });
      }
      seen = generation.load(std::memory_order_acquire);
      if (ends) return;
      set_float_mode(mode);
      work(worker);
      busy.fetch_sub(1, std::memory_order_release);
    }
  }
};

Threads::Threads(int count) {
  if (count < 1 || count > 1024)
    throw DataError("threads: " + std::to_string(count) + ": 1 to 1024 are possible");
  team_ = std::make_unique<Team>();
  hold_blas();
  try {
    for (int w = 1; w < count; ++w)
      team_->workers.emplace_back([team = team_.get(), w] { team->serve(w); });
  } catch (const std::system_error&) {
    // The system gave fewer threads than asked for: the team is the smaller for it, and as right.
  }
}

Threads::~Threads() {
  {
    const std::lock_guard lock(team_->mutex);
    team_->ends = true;
    team_->generation.fetch_add(1, std::memory_order_release);
  }
  team_->wake.notify_all();
  for (std::thread& w : team_->workers) w.join();
  let_blas_go();
}

int Threads::count() const { return static_cast<int>(team_->workers.size()) + 1; }

void Threads::run_erased(std::int64_t blocks, Call call, void* f) {
  if (blocks <= 0) return;
  if (inside_as >= 0 || blocks == 1 || team_->workers.empty()) {
    // The same promise about exceptions as below: every block runs, the lowest failure is thrown.
    const int worker = inside_as >= 0 ? inside_as : 0;
    std::exception_ptr failure;
    for (std::int64_t block = 0; block < blocks; ++block) {
      try {
        call(f, block, worker);
      } catch (...) {
        if (!failure) failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
  Team& t = *team_;
  const std::lock_guard region(t.regions);
  t.call = call;
  t.f = f;
  t.blocks = blocks;
  t.mode = float_mode();
  t.failure = nullptr;
  t.next.store(0, std::memory_order_relaxed);
  t.busy.store(static_cast<int>(t.workers.size()), std::memory_order_relaxed);
  {
    const std::lock_guard lock(t.mutex);
    t.generation.fetch_add(1, std::memory_order_release);
  }
  t.wake.notify_all();
  t.work(0);
  for (int spin = 0; t.busy.load(std::memory_order_acquire) > 0; ++spin) {
    if (spin < 20000)
      pause();
    else
      std::this_thread::yield();
  }
  if (t.failure) std::rethrow_exception(std::exchange(t.failure, nullptr));
}

int available_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

}  // namespace metatape
