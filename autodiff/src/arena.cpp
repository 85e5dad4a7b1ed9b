// arena.cpp: where a bump allocator takes its next chunk from.
// Chunks are kept, so that the same sequence of requests finds the same memory each time; those
// ahead that are too small for a request are given up for a larger one.
#include <algorithm>
#include <new>

#include "metatape/autodiff/detail/state.hpp"

namespace metatape::detail {

namespace {
constexpr std::size_t first_chunk = std::size_t{1} << 18;
constexpr std::size_t largest_chunk = std::size_t{1} << 26;

void free_chunk(char* base) {
  ::operator delete (static_cast<void*>(base), std::align_val_t{Arena::alignment});
}
}  // namespace

Arena::~Arena() {
  for (const Chunk& c : chunks_) free_chunk(c.base);
}

std::size_t Arena::reserved() const {
  std::size_t sum = 0;
  for (const Chunk& c : chunks_) sum += c.size;
  return sum;
}

void Arena::go_to(std::uint32_t chunk) {
  at_ = chunk;
  const Chunk c = chunk < chunks_.size() ? chunks_[chunk] : Chunk{nullptr, 0, 0};
  base_ = next_ = c.base;
  end_ = c.base + c.size;
  before_ = c.before;
}

void* Arena::allocate_elsewhere(std::size_t bytes) {
  note_peak();
  std::uint32_t next = at_;
  if (next < chunks_.size()) ++next;
  if (next >= chunks_.size() || chunks_[next].size < bytes) {
    // Nothing alive lies ahead: chunks that are too small make room for one as large as they were
    // together, instead of staying beside it with pages that no request comes back to.
    std::size_t given_back = 0;
    for (; chunks_.size() > next; chunks_.pop_back()) {
      given_back += chunks_.back().size;
      free_chunk(chunks_.back().base);
    }
    const std::size_t grown =
        chunks_.empty() ? first_chunk : std::min(largest_chunk, 2 * chunks_.back().size);
    const std::size_t size = std::max({grown, given_back, bytes});
    chunks_.reserve(chunks_.size() + 1);
    auto* base = static_cast<char*>(::operator new (size, std::align_val_t{alignment}));
    const std::size_t before = chunks_.empty() ? 0 : chunks_.back().before + chunks_.back().size;
    chunks_.push_back(Chunk{base, size, before});
  }
  go_to(next);
  next_ += bytes;
  return base_;
}

}  // namespace metatape::detail
