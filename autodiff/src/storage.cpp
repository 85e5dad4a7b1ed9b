// storage.cpp: the blocks of memory behind Tensors, kept in a pool of size classes.
// Four classes a doubling, so at most a quarter is wasted. A freed block goes to its class's list
// and keeps its pages: the next tensor of about that size touches no new one. The pool lives as
// long as the process, since tensors of static lifetime may die after anything else.
#include "storage.hpp"

#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

namespace metatape::detail {

class Storage {
 public:
  std::atomic<std::int64_t> users{1};
  std::int32_t size_class = 0;
};

namespace {

constexpr std::size_t header = 64;  // keeps the elements on a cache line of their own
constexpr int classes = 4 * 36;
constexpr std::size_t smallest = 64;
constexpr std::size_t kept_bytes = std::size_t{1} << 30;  // beyond this, blocks go back at once

static_assert(sizeof(Storage) <= header);

// Class c holds (4 + c % 4) / 4 * 2^(c / 4) * 64 bytes.
std::size_t class_bytes(int c) {
  return (smallest << (c / 4)) / 4 * static_cast<std::size_t>(4 + c % 4);
}

int class_of(std::size_t bytes) {
  if (bytes <= smallest) return 0;
  const int doubling = static_cast<int>(std::bit_width((bytes - 1) / smallest)) - 1;
  int c = 4 * doubling;
  while (class_bytes(c) < bytes) ++c;
  return c;
}

struct Pool {
  std::mutex mutex;
  std::vector<Storage*> free[classes];
  std::size_t kept = 0;
};

Pool& pool() {
  static Pool* const immortal = new Pool;
  return *immortal;
}

}  // namespace

Storage* storage_new(std::size_t bytes) {
  const int c = class_of(bytes);
  if (c >= classes) throw std::bad_alloc();
  {
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    auto& list = p.free[c];
    if (!list.empty()) {
      Storage* s = list.back();
      list.pop_back();
      p.kept -= class_bytes(c);
      s->users.store(1, std::memory_order_relaxed);
      return s;
    }
  }
  void* block = ::operator new (header + class_bytes(c), std::align_val_t{64});
  auto* s = new (block) Storage;
  s->size_class = c;
  return s;
}

void storage_retain(Storage* s) noexcept {
  if (s) s->users.fetch_add(1, std::memory_order_relaxed);
}

void storage_release(Storage* s) noexcept {
  if (!s || s->users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::size_t bytes = class_bytes(s->size_class);
  {
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    if (p.kept + bytes <= kept_bytes) {
      try {
        p.free[s->size_class].push_back(s);
        p.kept += bytes;
        return;
      } catch (const std::bad_alloc&) {
        // no room to note the block: give it back below
      }
    }
  }
  s->~Storage();
  ::operator delete (static_cast<void*>(s), std::align_val_t{64});
}

bool storage_unique(const Storage* s) noexcept {
  return s->users.load(std::memory_order_acquire) == 1;
}

void* storage_bytes(Storage* s) noexcept { return reinterpret_cast<char*>(s) + header; }

Storage* storage_of(void* bytes) noexcept {
  return reinterpret_cast<Storage*>(static_cast<char*>(bytes) - header);
}

}  // namespace metatape::detail
