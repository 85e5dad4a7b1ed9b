#include "metatape/autodiff/shape.hpp"

#include <algorithm>

#include "metatape/autodiff/error.hpp"

namespace metatape {

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > max_rank)
    throw ShapeError("shape: " + std::to_string(extents.size()) + " axes: at most 6 are supported");
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  bool empty = false;
  for (const std::int64_t extent : extents) {
    if (extent < 0)
      throw ShapeError("shape: extent " + std::to_string(extent) + ": extents are 0 or more");
    extents_[static_cast<std::size_t>(rank_++)] = extent;
    empty = empty || extent == 0;
    // Of an array without elements the others count, too: its axes may be reduced or stretched.
    if (__builtin_mul_overflow(size_, std::max<std::int64_t>(extent, 1), &size_) || size_ > limit)
      throw ShapeError("shape: " + std::to_string(extents.size()) +
                       " extents multiply to more than 2^62 elements");
  }
  if (empty) size_ = 0;
}

void Shape::reject(int axis, const char* op) const {
  throw ShapeError(std::string(op) + ": " + to_string(*this) + ": " +
                   (rank_ == 0 ? "a scalar has no axis " + std::to_string(axis)
                               : "there is no axis " + std::to_string(axis)));
}

std::int64_t Shape::product(int first, int last) const {
  std::int64_t n = 1;
  for (int i = first; i < last; ++i) n *= begin()[i];
  return n;
}

Shape Shape::with(int axis, std::int64_t extent) const {
  std::array<std::int64_t, max_rank> e = extents_;
  e[static_cast<std::size_t>(resolve(axis))] = extent;
  return Shape(std::span<const std::int64_t>(e.data(), static_cast<std::size_t>(rank_)));
}

Shape Shape::without(int axis) const {
  const int a = resolve(axis);
  std::array<std::int64_t, max_rank> e{};
  std::size_t n = 0;
  for (int i = 0; i < rank_; ++i)
    if (i != a) e[n++] = begin()[i];
  return Shape(std::span<const std::int64_t>(e.data(), n));
}

Shape Shape::inserted(int axis, std::int64_t extent) const {
  const int a = axis < 0 ? axis + rank_ + 1 : axis;
  if (a < 0 || a > rank_) reject(axis, "shape");
  std::array<std::int64_t, max_rank + 1> e{};
  std::size_t n = 0;
  for (int i = 0; i <= rank_; ++i) {
    if (i == a) e[n++] = extent;
    if (i < rank_) e[n++] = begin()[i];
  }
  return Shape(std::span<const std::int64_t>(e.data(), n));
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape.begin()[i]);
  }
  return text + "]";
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::max_rank> e{};
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const std::int64_t x = ia < 0 ? 1 : a.begin()[ia], y = ib < 0 ? 1 : b.begin()[ib];
    if (x != y && x != 1 && y != 1)
      throw ShapeError(std::string(op) + ": " + to_string(a) + " and " + to_string(b) +
                       ": extents " + std::to_string(x) + " and " + std::to_string(y) +
                       " are neither equal nor 1");
    e[static_cast<std::size_t>(i)] = x == 1 ? y : x;
  }
  return Shape(std::span<const std::int64_t>(e.data(), static_cast<std::size_t>(rank)));
}

}  // namespace metatape
