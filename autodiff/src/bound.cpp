#include "metatape/autodiff/bound.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"
#include "storage.hpp"

namespace metatape {

// Made anew in each step, hence from the pool.
struct Bound::Shared {
  std::shared_ptr<const Layout> layout;
  std::vector<Var, detail::PoolAllocator<Var>> tensors;
  Var flat;
  bool from_buffer = false;
};

namespace {

const std::shared_ptr<const Layout>& no_layout() {
  static const auto none = std::make_shared<const Layout>();
  return none;
}

}  // namespace

Bound::Bound(std::shared_ptr<const Layout> layout, Var flat)
    : shared_(std::allocate_shared<Shared>(detail::PoolAllocator<Shared>())) {
  shared_->tensors.reserve(layout->entries().size());
  for (const ParamEntry& e : layout->entries())
    shared_->tensors.push_back(view_range(flat, e.offset, e.shape));
  shared_->layout = std::move(layout);
  shared_->flat = flat;
  shared_->from_buffer = true;
}

Bound::Bound(std::shared_ptr<const Layout> layout, std::vector<Var> tensors)
    : shared_(std::allocate_shared<Shared>(detail::PoolAllocator<Shared>())) {
  if (tensors.size() != layout->entries().size())
    throw ShapeError("bound: " + std::to_string(tensors.size()) + " tensors for " +
                     std::to_string(layout->entries().size()) + " names");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].shape() != layout->entries()[i].shape)
      throw ShapeError("bound: '" + layout->entries()[i].name + "' is " +
                       to_string(layout->entries()[i].shape) + ", given is " +
                       to_string(tensors[i].shape()));
  shared_->layout = std::move(layout);
  shared_->tensors.assign(tensors.begin(), tensors.end());
}

const std::shared_ptr<const Layout>& Bound::layout() const {
  return shared_ ? shared_->layout : no_layout();
}

bool Bound::contains(std::string_view name) const { return layout()->find(name) >= 0; }
bool Bound::has_flat() const { return shared_ && shared_->from_buffer; }

Var Bound::operator[](std::size_t i) const { return shared_->tensors.at(i); }

Var Bound::operator[](std::string_view name) const {
  const auto i = static_cast<std::size_t>(layout()->index(name));
  return shared_->tensors[i];
}

Var Bound::flat() const {
  if (count() == 0) throw DataError("bound: no tensors: there is no buffer to join");
  if (!shared_->flat.valid()) {
    std::vector<Var> parts;
    parts.reserve(count());
    for (const Var& t : shared_->tensors) parts.push_back(reshape(t, Shape{t.size()}));
    shared_->flat = concat(parts);
  }
  return shared_->flat;
}

Bound Bound::inside(std::string_view prefix) const {
  std::vector<std::pair<std::string, Shape>> shapes;
  std::vector<Var> found;
  for (std::size_t i = 0; i < count(); ++i) {
    const ParamEntry& e = entries()[i];
    if (e.name.size() > prefix.size() + 1 && e.name.starts_with(prefix) &&
        e.name[prefix.size()] == '.') {
      shapes.emplace_back(e.name.substr(prefix.size() + 1), e.shape);
      found.push_back(shared_->tensors[i]);
    }
  }
  return {std::make_shared<const Layout>(std::move(shapes)), std::move(found)};
}

Params Bound::value() const {
  if (count() == 0) return {};
  Params p(layout(), Tensor::uninitialised({layout()->size()}, shared_->tensors.front().dtype()));
  char* to = static_cast<char*>(p.flat().mutable_data());
  visit(p.dtype(), [&]<class T>(T) {
    for (const Var& t : shared_->tensors) {
      const auto from = t.values<T>();
      if (!from.empty()) std::memcpy(to, from.data(), from.size_bytes());
      to += from.size_bytes();
    }
  });
  return p;
}

Bound bind(Tape& tape, const Params& params) {
  return {params.layout(), tape.variable(params.flat())};
}

Bound bind_constant(Tape& tape, const Params& params) {
  return {params.layout(), tape.constant(params.flat())};
}

namespace {

template <class F>
Bound mapped(const Bound& a, const F& f) {
  std::vector<Var> tensors;
  tensors.reserve(a.count());
  for (std::size_t i = 0; i < a.count(); ++i) tensors.push_back(f(a[i], i));
  return {a.layout(), std::move(tensors)};
}

template <class F>
Bound combined(const Bound& a, const Bound& b, const F& f) {
  for (const ParamEntry& e : b.entries())
    static_cast<void>(a.layout()->index(e.name));  // throws for a stranger
  return mapped(a, [&](Var x, std::size_t i) {
    const int at = b.layout()->find(a.entries()[i].name);
    return at < 0 ? x : f(x, b[static_cast<std::size_t>(at)]);
  });
}

}  // namespace

Bound operator+(const Bound& a, const Bound& b) {
  return combined(a, b, [](Var x, Var y) { return x + y; });
}
Bound operator-(const Bound& a, const Bound& b) {
  return combined(a, b, [](Var x, Var y) { return x - y; });
}
Bound operator*(double a, const Bound& b) {
  return mapped(b, [&](Var x, std::size_t) { return a * x; });
}
Bound operator*(Var a, const Bound& b) {
  if (a.size() != 1)
    throw ShapeError("bound: a factor of shape " + to_string(a.shape()) +
                     ": one element is needed");
  const Var factor = reshape(a, Shape{});
  return mapped(b, [&](Var x, std::size_t) { return factor * x; });
}
Bound operator*(const Bound& a, const Bound& b) {
  return mapped(b, [&](Var x, std::size_t i) { return a[b.entries()[i].name] * x; });
}
Bound stop_gradient(const Bound& b) {
  return mapped(b, [](Var x, std::size_t) { return stop_gradient(x); });
}

}  // namespace metatape
