// tensor.hpp: a dense array of float32 or float64 with value semantics.
// Copies share storage and cost a counter; writing to a shared one copies first, so nothing ever
// changes under someone who looks at it. Mathematics is done on a tape (tape.hpp), not here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/shape.hpp"

namespace metatape {

namespace detail {
class Storage;
Storage* storage_new(std::size_t bytes);
void storage_retain(Storage*) noexcept;
void storage_release(Storage*) noexcept;
bool storage_unique(const Storage*) noexcept;
}  // namespace detail

/// Row-major and contiguous, at most six axes. Blocks of memory come from a pool of size classes
/// and go back to it, so a loop that makes the same tensors again calls no malloc.
class Tensor {
 public:
  Tensor() = default;  ///< float32 of shape [0]

  /// Values in row-major order. Throws ShapeError when their number is not shape.size().
  Tensor(const Shape& shape, std::initializer_list<float> values);
  Tensor(const Shape& shape, std::initializer_list<double> values);
  Tensor(const Shape& shape, std::initializer_list<int> values);  ///< float32
  Tensor(const Shape& shape, std::span<const float> values);
  Tensor(const Shape& shape, std::span<const double> values);

  Tensor(const Tensor& other) noexcept;
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(const Tensor& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor();

  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  static Tensor scalar(double value, DType dtype = DType::f32);
  static Tensor uninitialised(const Shape& shape, DType dtype = DType::f32);
  static Tensor identity(std::int64_t n, DType dtype = DType::f32);
  /// first, first + 1, ..., n of them.
  static Tensor arange(std::int64_t n, double first = 0, DType dtype = DType::f32);

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] std::int64_t size() const { return shape_.size(); }

  /// The elements, to be read. Throws DTypeError when T is not the tensor's type.
  template <Scalar T>
  [[nodiscard]] std::span<const T> values() const {
    require(dtype_of<T>);
    return {static_cast<const T*>(data()), static_cast<std::size_t>(size())};
  }

  /// The elements, to be written. Copies them first when another Tensor shares them.
  template <Scalar T>
  [[nodiscard]] std::span<T> mutable_values() {
    require(dtype_of<T>);
    return {static_cast<T*>(mutable_data()), static_cast<std::size_t>(size())};
  }

  [[nodiscard]] const void* data() const;
  [[nodiscard]] void* mutable_data();

  /// The one element of a tensor of size 1, widened. Throws ShapeError otherwise.
  [[nodiscard]] double item() const;
  /// The element at a row-major position, widened. Throws DataError outside [0, size()).
  [[nodiscard]] double at(std::int64_t position) const;
  /// All elements, widened: for tests and printing.
  [[nodiscard]] std::vector<double> to_vector() const;

  [[nodiscard]] Tensor reshape(const Shape& shape) const;  ///< shares; equal size
  /// Entries [first, last) of the leading axis; shares.
  [[nodiscard]] Tensor rows(std::int64_t first, std::int64_t last) const;
  /// Elements [first, first + shape.size()) in row-major order, seen as `shape`; shares.
  [[nodiscard]] Tensor window(std::int64_t first, const Shape& shape) const;
  [[nodiscard]] Tensor to(DType dtype) const;  ///< converted; itself when it is that already

 private:
  void require(DType dtype) const;

  detail::Storage* storage_ = nullptr;
  std::int64_t offset_ = 0;  // in elements
  Shape shape_{0};
  DType dtype_ = DType::f32;
};

/// Equal shape, type and bits (so NaN equals itself, and 0 differs from -0).
bool identical(const Tensor& a, const Tensor& b);

/// Shape, type and values (the first and last where there are many), for messages and debugging.
std::string to_string(const Tensor& tensor);

}  // namespace metatape
