#include "metatape/autodiff/params.hpp"

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"

namespace metatape {

// Names are moved out through the structured binding, which clang-tidy 14 does not see.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Layout::Layout(std::vector<std::pair<std::string, Shape>> tensors) {
  entries_.reserve(tensors.size());
  for (auto& [name, shape] : tensors) {
    if (find(name) >= 0) throw DataError("params: the name '" + name + "' is given twice");
    entries_.push_back({std::move(name), shape, size_});
    size_ += shape.size();
  }
}

int Layout::find(std::string_view name) const {
  const auto at = std::ranges::find(entries_, name, &ParamEntry::name);
  return at == entries_.end() ? -1 : static_cast<int>(at - entries_.begin());
}

int Layout::index(std::string_view name) const {
  const int i = find(name);
  if (i >= 0) return i;
  std::string there;
  for (const ParamEntry& e : entries_) there += (there.empty() ? "" : ", ") + e.name;
  throw DataError("params: there is no '" + std::string(name) + "'; there is " +
                  (there.empty() ? "nothing" : there));
}

namespace {

std::shared_ptr<const Layout> layout_of(
    const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::vector<std::pair<std::string, Shape>> shapes;
  shapes.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) shapes.emplace_back(name, tensor.shape());
  return std::make_shared<const Layout>(std::move(shapes));
}

void require_same(const Params& a, const Params& b, const char* op) {
  if (a.layout() != b.layout() && !(*a.layout() == *b.layout()))
    throw ShapeError(std::string(op) + ": Params of other names or shapes");
  if (a.dtype() != b.dtype())
    throw DTypeError(std::string(op) + ": " + name(a.dtype()) + " and " + name(b.dtype()) +
                     " do not mix");
}

}  // namespace

Params::Params() : layout_(std::make_shared<const Layout>()) {}

Params::Params(const std::vector<std::pair<std::string, Tensor>>& tensors)
    : layout_(layout_of(tensors)) {
  const DType type = tensors.empty() ? DType::f32 : tensors.front().second.dtype();
  flat_ = Tensor::uninitialised({layout_->size()}, type);
  visit(type, [&]<class T>(T) {
    auto to = flat_.mutable_values<T>().begin();
    for (const auto& [name, tensor] : tensors)
      to = std::ranges::copy(tensor.template values<T>(), to).out;
  });
}

Params::Params(std::shared_ptr<const Layout> layout, Tensor flat)
    : layout_(std::move(layout)), flat_(std::move(flat)) {
  if (flat_.size() != layout_->size())
    throw ShapeError("params: a buffer of " + std::to_string(flat_.size()) +
                     " elements for a layout of " + std::to_string(layout_->size()));
  flat_ = flat_.reshape({layout_->size()});
}

Params Params::zeros(std::shared_ptr<const Layout> layout, DType dtype) {
  Tensor flat = Tensor::zeros({layout->size()}, dtype);
  return {std::move(layout), std::move(flat)};
}

Params Params::zeros_like() const { return zeros(layout_, dtype()); }

Tensor Params::operator[](std::size_t i) const {
  const ParamEntry& e = entries().at(i);
  return flat_.window(e.offset, e.shape);
}

Tensor Params::operator[](std::string_view name) const {
  return (*this)[static_cast<std::size_t>(layout_->index(name))];
}

void Params::set(std::string_view name, const Tensor& value) {
  const ParamEntry& e = entries()[static_cast<std::size_t>(layout_->index(name))];
  if (value.shape() != e.shape)
    throw ShapeError("params: '" + e.name + "' is " + to_string(e.shape) + ", given is " +
                     to_string(value.shape()));
  visit(dtype(), [&]<class T>(T) {
    const auto from = value.values<T>();
    std::ranges::copy(from, flat_.mutable_values<T>().begin() + e.offset);
  });
}

Params Params::inside(std::string_view prefix) const {
  std::vector<std::pair<std::string, Tensor>> found;
  for (std::size_t i = 0; i < entries().size(); ++i) {
    const std::string& name = entries()[i].name;
    if (name.size() > prefix.size() + 1 && name.starts_with(prefix) && name[prefix.size()] == '.')
      found.emplace_back(name.substr(prefix.size() + 1), (*this)[i]);
  }
  return Params(found);
}

Params Params::prefixed(std::string_view prefix) const {
  std::vector<std::pair<std::string, Shape>> shapes;
  for (const ParamEntry& e : entries())
    shapes.emplace_back(std::string(prefix) + "." + e.name, e.shape);
  return {std::make_shared<const Layout>(std::move(shapes)), flat_};
}

Params Params::join(const std::vector<Params>& parts) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const Params& p : parts)
    for (std::size_t i = 0; i < p.entries().size(); ++i)
      all.emplace_back(p.entries()[i].name, p[i]);
  return Params(all);
}

Params Params::to(DType dtype) const { return {layout_, flat_.to(dtype)}; }

void Params::add_scaled(double a, const Params& x) {
  require_same(*this, x, "add_scaled");
  visit(dtype(), [&]<class T>(T) {
    const auto from = x.flat_.values<T>();
    const auto to = flat_.mutable_values<T>();
    const auto factor = static_cast<T>(a);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
  });
}

void Params::scale(double a) {
  visit(dtype(), [&]<class T>(T) {
    for (T& v : flat_.mutable_values<T>()) v *= static_cast<T>(a);
  });
}

double Params::dot(const Params& other) const {
  require_same(*this, other, "dot");
  return visit(dtype(), [&]<class T>(T) {
    const auto a = flat_.values<T>(), b = other.flat_.values<T>();
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  });
}

double Params::norm() const { return std::sqrt(dot(*this)); }

bool identical(const Params& a, const Params& b) {
  return *a.layout() == *b.layout() && identical(a.flat(), b.flat());
}

}  // namespace metatape
