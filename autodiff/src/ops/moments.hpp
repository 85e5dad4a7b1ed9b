// moments.hpp: mean and variance of each column of x [rows, channels].
// Rows are taken in blocks that stay in cache: each block's moments are exact about its own mean
// and are combined in block order (Chan, Golub and LeVeque 1979), so float32 loses nothing to
// cancellation and the bits do not depend on the number of threads. An op that writes x may take
// the blocks' moments on the way and leave them beside its value (MomentsAsWritten); then x need
// not be read again.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "kernels/columns.hpp"
#include "products.hpp"

namespace metatape::ops {

struct RowBlocks {
  std::int64_t rows, channels;
  [[nodiscard]] std::int64_t each() const {
    constexpr std::int64_t elements = 16384;
    return std::max<std::int64_t>(1, elements / std::max<std::int64_t>(channels, 1));
  }
  [[nodiscard]] std::int64_t count() const { return (rows + each() - 1) / each(); }
  [[nodiscard]] std::int64_t first(std::int64_t block) const { return block * each(); }
  [[nodiscard]] std::int64_t size(std::int64_t block) const {
    return std::min(each(), rows - first(block));
  }
  /// Elements of all blocks' moments, [blocks, 2, channels]: means, sums of squares about them.
  [[nodiscard]] std::int64_t moments() const { return count() * 2 * channels; }
};

template <Scalar T>
void block_moments(const RowBlocks& s, std::int64_t block, const T* x, T* parts) {
  T* mean = parts + block * 2 * s.channels;
  kernel::column_moments(s.size(block), s.channels, x + s.first(block) * s.channels, mean,
                         mean + s.channels);
}

/// mean and biased variance of each column of the context's input 0, which is x; rows >= 1.
template <Scalar T, class Context>
void column_moments(const Context& c, const RowBlocks& s, T* mean, T* variance) {
  const std::int64_t n = s.channels;
  const T* parts = c.template input_moments<T>(0);
  if (!parts) {
    const T* x = c.template input<T>(0);
    T* taken = c.template scratch<T>(s.moments());
    run_blocks(c, s.count(), [&](std::int64_t b, int) { block_moments(s, b, x, taken); });
    parts = taken;
  }
  std::copy_n(parts, n, mean);
  std::copy_n(parts + n, n, variance);
  for (std::int64_t b = 1; b < s.count(); ++b) {
    const T *m = parts + b * 2 * n, *q = m + n;
    const T before = static_cast<T>(s.first(b)), here = static_cast<T>(s.size(b));
    for (std::int64_t j = 0; j < n; ++j) {
      const T d = m[j] - mean[j];
      mean[j] += d * (here / (before + here));
      variance[j] += q[j] + d * d * (before * (here / (before + here)));
    }
  }
  for (std::int64_t j = 0; j < n; ++j) variance[j] /= static_cast<T>(s.rows);
}

/// Takes the moments of x's blocks while x is written, runs of rows at a time, by any worker: who
/// writes the last of a block's rows, whichever they are, takes the block's.
template <Scalar T>
class MomentsAsWritten {
 public:
  MomentsAsWritten() = default;  ///< takes none
  /// `parts`: where they are to be; where null none are taken.
  template <class Context>
  MomentsAsWritten(const Context& c, const RowBlocks& s, const T* x, T* parts)
      : s_(s), x_(x), parts_(parts) {
    if (!parts) return;
    written_ = c.template scratch<std::int64_t>(s.count());
    std::fill_n(written_, s.count(), 0);
  }

  void wrote(std::int64_t first, std::int64_t count) const {
    if (!parts_) return;
    const std::int64_t last = first + count;
    for (std::int64_t b = first / s_.each(); s_.first(b) < last; ++b) {
      const std::int64_t begin = std::max(first, s_.first(b));
      const std::int64_t here = std::min(last, s_.first(b) + s_.size(b)) - begin;
      // Others' rows are seen once their counts are.
      const std::atomic_ref<std::int64_t> rows(written_[b]);
      if (rows.fetch_add(here, std::memory_order_acq_rel) + here == s_.size(b))
        block_moments(s_, b, x_, parts_);
    }
  }

 private:
  RowBlocks s_{};
  const T* x_ = nullptr;
  T* parts_ = nullptr;
  std::int64_t* written_ = nullptr;
};

}  // namespace metatape::ops
