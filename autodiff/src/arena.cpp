// arena.cpp: where a bump allocator takes its next chunk from.
// A chunk is kept for the tape's life; a request that fits none of those ahead gets a new one put
// in the current place, so that the same sequence of requests finds the same memory each time.
#include <algorithm>
#include <new>

#include "metatape/autodiff/detail/state.hpp"

namespace metatape::detail {

namespace {
constexpr std::size_t first_chunk = std::size_t{1} << 18;
constexpr std::size_t largest_chunk = std::size_t{1} << 26;
}  // namespace

Arena::~Arena() {
  for (const Chunk& c : chunks_)
    ::operator delete (static_cast<void*>(c.base), std::align_val_t{alignment});
}

std::size_t Arena::reserved() const {
  std::size_t sum = 0;
  for (const Chunk& c : chunks_) sum += c.size;
  return sum;
}

void* Arena::allocate_elsewhere(std::size_t bytes) {
  std::uint32_t next = at_.chunk;
  if (next < chunks_.size()) ++next;
  if (next >= chunks_.size() || chunks_[next].size < bytes) {
    const std::size_t grown =
        chunks_.empty() ? first_chunk : std::min(largest_chunk, 2 * chunks_.back().size);
    const std::size_t size = std::max(grown, bytes);
    chunks_.reserve(chunks_.size() + 1);
    auto* base = static_cast<char*>(::operator new (size, std::align_val_t{alignment}));
    chunks_.insert(chunks_.begin() + next, Chunk{base, size, 0});
    std::size_t before = 0;
    for (Chunk& c : chunks_) {
      c.before = before;
      before += c.size;
    }
  }
  at_ = {next, bytes};
  peak_ = std::max(peak_, used());
  return chunks_[next].base;
}

}  // namespace metatape::detail
