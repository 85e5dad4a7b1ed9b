// storage.hpp: reference-counted blocks of 64-byte aligned memory (see storage.cpp).
#pragma once

#include <cstddef>
#include <limits>
#include <new>

#include "metatape/autodiff/tensor.hpp"

namespace metatape::detail {

void* storage_bytes(Storage* storage) noexcept;  ///< the block's first byte, 64-byte aligned
Storage* storage_of(void* bytes) noexcept;       ///< the block that begins there

/// Takes memory from the pool of tensors: what a step makes and drops costs no malloc.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(storage_bytes(storage_new(n * sizeof(T))));
  }
  void deallocate(T* p, std::size_t) noexcept { storage_release(storage_of(p)); }
  friend bool operator==(PoolAllocator, PoolAllocator) { return true; }
};

}  // namespace metatape::detail
