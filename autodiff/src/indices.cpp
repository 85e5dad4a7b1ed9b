#include "metatape/autodiff/indices.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "metatape/autodiff/error.hpp"

namespace metatape {

Indices::Indices(const Shape& shape, std::vector<std::int32_t> values)
    : values_(std::make_shared<const std::vector<std::int32_t>>(std::move(values))), shape_(shape) {
  if (static_cast<std::int64_t>(values_->size()) != shape.size())
    throw ShapeError("indices: " + std::to_string(values_->size()) + " values for shape " +
                     to_string(shape) + ", which holds " + std::to_string(shape.size()));
}

Indices::Indices(const Shape& shape, std::initializer_list<std::int32_t> values)
    : Indices(shape, std::vector<std::int32_t>(values)) {}

Indices::Indices(std::vector<std::int32_t> values)
    : values_(std::make_shared<const std::vector<std::int32_t>>(std::move(values))),
      shape_{static_cast<std::int64_t>(values_->size())} {}

Indices Indices::reshape(const Shape& shape) const {
  if (shape.size() != size())
    throw ShapeError("reshape: " + to_string(shape_) + " to " + to_string(shape) + ": " +
                     std::to_string(size()) + " elements are not " + std::to_string(shape.size()));
  Indices i(*this);
  i.shape_ = shape;
  return i;
}

bool operator==(const Indices& a, const Indices& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.values(), b.values());
}

}  // namespace metatape
