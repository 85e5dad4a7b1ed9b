// indices.hpp: shaped whole numbers: labels, positions to gather, the result of argmax.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "metatape/autodiff/shape.hpp"

namespace metatape {

/// int32 values in row-major order; immutable, copies share.
class Indices {
 public:
  Indices() = default;  ///< shape [0]
  /// Throws ShapeError when the number of values is not shape.size().
  Indices(const Shape& shape, std::initializer_list<std::int32_t> values);
  Indices(const Shape& shape, std::vector<std::int32_t> values);
  /// One axis.
  explicit Indices(std::vector<std::int32_t> values);

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t size() const { return shape_.size(); }
  [[nodiscard]] std::span<const std::int32_t> values() const {
    return values_ ? std::span<const std::int32_t>(*values_) : std::span<const std::int32_t>();
  }
  [[nodiscard]] std::int32_t operator[](std::int64_t i) const {
    return (*values_)[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] Indices reshape(const Shape& shape) const;

 private:
  std::shared_ptr<const std::vector<std::int32_t>> values_;
  Shape shape_{0};
};

bool operator==(const Indices& a, const Indices& b);

}  // namespace metatape
