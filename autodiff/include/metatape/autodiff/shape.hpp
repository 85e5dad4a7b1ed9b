// shape.hpp: the extents of a tensor, up to six of them, kept inline.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace metatape {

/// Extents of a dense row-major array. [] is a scalar (one element); an extent may be 0.
class Shape {
 public:
  static constexpr int max_rank = 6;

  Shape() = default;  ///< the scalar's shape, []

  /// Throws ShapeError on more than six extents, a negative one, or a product beyond 2^62.
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] std::int64_t size() const { return size_; }  ///< the number of elements

  /// Extent of an axis; a negative axis counts from the end. Throws ShapeError outside
  /// [-rank, rank).
  [[nodiscard]] std::int64_t operator[](int axis) const {
    return extents_[static_cast<std::size_t>(resolve(axis))];
  }

  /// The axis in [0, rank) that `axis` means; `op` is named in the error.
  [[nodiscard]] int resolve(int axis, const char* op = "shape") const {
    const int a = axis < 0 ? axis + rank_ : axis;
    if (a < 0 || a >= rank_) reject(axis, op);
    return a;
  }

  [[nodiscard]] const std::int64_t* begin() const { return extents_.data(); }
  [[nodiscard]] const std::int64_t* end() const { return extents_.data() + rank_; }
  [[nodiscard]] std::span<const std::int64_t> extents() const { return {begin(), end()}; }

  /// Product of the extents in [first, last).
  [[nodiscard]] std::int64_t product(int first, int last) const;

  /// The same shape with one axis set, removed, or a new axis put before `axis`.
  [[nodiscard]] Shape with(int axis, std::int64_t extent) const;
  [[nodiscard]] Shape without(int axis) const;
  [[nodiscard]] Shape inserted(int axis, std::int64_t extent) const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.begin()[i] != b.begin()[i]) return false;
    return true;
  }

 private:
  [[noreturn]] void reject(int axis, const char* op) const;

  std::int64_t size_ = 1;
  int rank_ = 0;
  std::array<std::int64_t, max_rank> extents_{};
};

/// "[128, 20]"; "[]" for a scalar.
std::string to_string(const Shape& shape);

/// The shape both broadcast to by NumPy's rule: aligned at the last axis, extents equal or 1.
/// Throws ShapeError naming `op` and both shapes.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace metatape
