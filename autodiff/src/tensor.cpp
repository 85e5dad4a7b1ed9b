#include "metatape/autodiff/tensor.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "storage.hpp"

namespace metatape {

using detail::storage_bytes;

namespace {

template <class To, class From>
Tensor filled_from(const Shape& shape, std::span<const From> values) {
  if (static_cast<std::int64_t>(values.size()) != shape.size())
    throw ShapeError("tensor: " + std::to_string(values.size()) + " values for shape " +
                     to_string(shape) + ", which holds " + std::to_string(shape.size()));
  Tensor t = Tensor::uninitialised(shape, dtype_of<To>);
  std::transform(values.begin(), values.end(), t.mutable_values<To>().begin(),
                 [](From v) { return static_cast<To>(v); });
  return t;
}

template <class T>
std::span<const T> as_span(std::initializer_list<T> list) {
  return {list.begin(), list.size()};
}

}  // namespace

Tensor::Tensor(const Shape& shape, std::initializer_list<float> values)
    : Tensor(filled_from<float>(shape, as_span(values))) {}
Tensor::Tensor(const Shape& shape, std::initializer_list<double> values)
    : Tensor(filled_from<double>(shape, as_span(values))) {}
Tensor::Tensor(const Shape& shape, std::initializer_list<int> values)
    : Tensor(filled_from<float>(shape, as_span(values))) {}
Tensor::Tensor(const Shape& shape, std::span<const float> values)
    : Tensor(filled_from<float>(shape, values)) {}
Tensor::Tensor(const Shape& shape, std::span<const double> values)
    : Tensor(filled_from<double>(shape, values)) {}

Tensor::Tensor(const Tensor& other) noexcept
    : storage_(other.storage_), offset_(other.offset_), shape_(other.shape_), dtype_(other.dtype_) {
  detail::storage_retain(storage_);
}

Tensor::Tensor(Tensor&& other) noexcept
    : storage_(std::exchange(other.storage_, nullptr)),
      offset_(std::exchange(other.offset_, 0)),
      shape_(std::exchange(other.shape_, Shape{0})),
      dtype_(other.dtype_) {}

Tensor& Tensor::operator=(const Tensor& other) noexcept { return *this = Tensor(other); }

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(offset_, other.offset_);
  std::swap(shape_, other.shape_);
  std::swap(dtype_, other.dtype_);
  return *this;
}

Tensor::~Tensor() { detail::storage_release(storage_); }

Tensor Tensor::uninitialised(const Shape& shape, DType dtype) {
  Tensor t;
  if (shape.size() > 0)
    t.storage_ = detail::storage_new(static_cast<std::size_t>(shape.size()) * bytes(dtype));
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor t = uninitialised(shape, dtype);
  visit(dtype,
        [&]<class T>(T) { std::ranges::fill(t.mutable_values<T>(), static_cast<T>(value)); });
  return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor Tensor::scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor Tensor::identity(std::int64_t n, DType dtype) {
  Tensor t = zeros({n, n}, dtype);
  visit(dtype, [&]<class T>(T) {
    const auto v = t.mutable_values<T>();
    for (std::int64_t i = 0; i < n; ++i) v[static_cast<std::size_t>(i * (n + 1))] = T{1};
  });
  return t;
}

Tensor Tensor::arange(std::int64_t n, double first, DType dtype) {
  Tensor t = uninitialised({n}, dtype);
  visit(dtype, [&]<class T>(T) {
    double next = first;
    for (T& v : t.mutable_values<T>()) v = static_cast<T>(next++);
  });
  return t;
}

const void* Tensor::data() const {
  if (!storage_) return nullptr;
  return static_cast<const char*>(storage_bytes(storage_)) +
         offset_ * static_cast<std::int64_t>(bytes(dtype_));
}

void* Tensor::mutable_data() {
  if (storage_ && !detail::storage_unique(storage_)) {
    Tensor copy = uninitialised(shape_, dtype_);
    std::memcpy(storage_bytes(copy.storage_), data(),
                static_cast<std::size_t>(size()) * bytes(dtype_));
    *this = std::move(copy);
  }
  return const_cast<void*>(data());
}

void Tensor::require(DType dtype) const {
  if (dtype != dtype_)
    throw DTypeError(std::string("tensor: ") + to_string(shape_) + " holds " + name(dtype_) +
                     ", read as " + name(dtype));
}

double Tensor::item() const {
  if (size() != 1)
    throw ShapeError("item: " + to_string(shape_) + ": one element is needed, not " +
                     std::to_string(size()));
  return at(0);
}

double Tensor::at(std::int64_t position) const {
  if (position < 0 || position >= size())
    throw DataError("at: position " + std::to_string(position) + " in " + to_string(shape_) +
                    ": 0 to " + std::to_string(size() - 1) + " exist");
  return visit(dtype_, [&]<class T>(T) {
    return static_cast<double>(static_cast<const T*>(data())[position]);
  });
}

std::vector<double> Tensor::to_vector() const {
  std::vector<double> out(static_cast<std::size_t>(size()));
  visit(dtype_, [&]<class T>(T) { std::ranges::copy(values<T>(), out.begin()); });
  return out;
}

Tensor Tensor::reshape(const Shape& shape) const {
  if (shape.size() != size())
    throw ShapeError("reshape: " + to_string(shape_) + " to " + to_string(shape) + ": " +
                     std::to_string(size()) + " elements are not " + std::to_string(shape.size()));
  Tensor t(*this);
  t.shape_ = shape;
  return t;
}

Tensor Tensor::rows(std::int64_t first, std::int64_t last) const {
  if (shape_.rank() == 0 || first < 0 || last < first || last > shape_[0])
    throw ShapeError("rows: [" + std::to_string(first) + ", " + std::to_string(last) + ") of " +
                     to_string(shape_) + ": not a range of its leading axis");
  const std::int64_t row = shape_.product(1, shape_.rank());
  return window(first * row, shape_.with(0, last - first));
}

Tensor Tensor::window(std::int64_t first, const Shape& shape) const {
  if (first < 0 || first + shape.size() > size())
    throw ShapeError("window: " + std::to_string(shape.size()) + " elements from " +
                     std::to_string(first) + " of " + to_string(shape_) + ": only " +
                     std::to_string(size()) + " exist");
  Tensor t(*this);
  t.offset_ += first;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t = uninitialised(shape_, dtype);
  visit(dtype_, [&]<class From>(From) {
    visit(dtype, [&]<class To>(To) {
      std::ranges::transform(values<From>(), t.mutable_values<To>().begin(),
                             [](From v) { return static_cast<To>(v); });
    });
  });
  return t;
}

bool identical(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(),
                                       static_cast<std::size_t>(a.size()) * bytes(a.dtype())) == 0);
}

std::string to_string(const Tensor& tensor) {
  constexpr std::int64_t ends = 4;
  std::ostringstream out;
  out << name(tensor.dtype()) << to_string(tensor.shape()) << " {";
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    if (tensor.size() > 2 * ends && i == ends) {
      out << ", ...";
      i = tensor.size() - ends;
    }
    out << (i > 0 ? ", " : "") << tensor.at(i);
  }
  out << "}";
  return out.str();
}

}  // namespace metatape
