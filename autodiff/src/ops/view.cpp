// view.cpp: the same elements under another shape, or a range of them, without a copy; and the way
// back, zeros around a range. A view's rule is the sweep's own: its adjoint is a range of its
// parent's (see sweep.cpp).
#include <algorithm>
#include <cstring>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace {

constexpr Rule view_rule{.name = "view", .pullback = nullptr, .recorded = nullptr, .view = true};

// y = zeros, y[first .. first + size) = x            dx += g[first .. first + size)
struct EmbedRange {
  struct Attributes {
    std::int64_t first;
  };
  static constexpr const char* name = "embed_range";

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t first = c.attributes<Attributes>().first, n = c.input_size(0);
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    std::fill(y, y + first, T{0});
    std::copy(x, x + n, y + first);
    std::fill(y + first + n, y + c.size(), T{0});
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T* g = c.gradient<T>() + c.attributes<Attributes>().first;
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0, n = c.input_size(0); i < n; ++i) d[i] += g[i];
  }
  static void recorded(const Recorded& c) {
    c.add(0, view_range(c.gradient(), c.attributes<Attributes>().first, c.input_shape(0)));
  }
};

Var make_view(Var x, std::int64_t first, const Shape& shape, const char* name) {
  using detail::Node;
  detail::TapeState& s = detail::TapeState::of(x, name);
  const std::uint32_t from = s.index_of(x, name);
  Node& n = s.push();
  const Node& source = s.node(from);
  n.value =
      static_cast<char*>(source.value) + first * static_cast<std::int64_t>(bytes(source.dtype));
  n.shape = shape;
  n.dtype = source.dtype;
  n.aliases = true;
  n.inline_inputs[0] = from;
  n.inputs = n.inline_inputs.data();
  n.arity = 1;
  n.name = name;
  if (source.differentiable) {
    n.rule = &view_rule;
    n.differentiable = true;
  }
  if (s.options.timed) s.microseconds.resize(s.count), s.microseconds.back() = 0;
  return s.handle(s.count - 1);
}

[[noreturn]] void reject_reshape(const Shape& from, const std::string& to, std::int64_t size) {
  throw ShapeError("reshape: " + to_string(from) + " to " + to + ": " +
                   std::to_string(from.size()) + " elements are not " + std::to_string(size));
}

}  // namespace

Var view_range(Var x, std::int64_t first, const Shape& shape) {
  if (first < 0 || first + shape.size() > x.size())
    throw ShapeError("view_range: " + std::to_string(shape.size()) + " elements from " +
                     std::to_string(first) + " of " + to_string(x.shape()) + ": only " +
                     std::to_string(x.size()) + " exist");
  return make_view(x, first, shape, "view_range");
}

Var embed_range(Var x, const Shape& shape, std::int64_t first) {
  if (first < 0 || first + x.size() > shape.size())
    throw ShapeError("embed_range: " + to_string(x.shape()) + " at " + std::to_string(first) +
                     " of " + to_string(shape) + ": it does not fit");
  if (x.size() == shape.size()) return reshape(x, shape);
  return record<EmbedRange>({x}, shape, {first});
}

Var reshape(Var x, const Shape& shape) {
  if (shape == x.shape()) return x;
  if (shape.size() != x.size()) reject_reshape(x.shape(), to_string(shape), shape.size());
  return make_view(x, 0, shape, "reshape");
}

Var reshape(Var x, std::initializer_list<std::int64_t> extents) {
  std::array<std::int64_t, Shape::max_rank> e{};
  if (extents.size() > e.size()) return reshape(x, Shape(extents));  // which throws
  std::ranges::copy(extents, e.begin());
  const auto end = e.begin() + static_cast<std::ptrdiff_t>(extents.size());
  const auto open = std::find(e.begin(), end, -1);
  if (open != end) {
    std::int64_t known = 1;
    for (auto i = e.begin(); i != end; ++i)
      if (i != open) known *= *i;
    if (known <= 0 || x.size() % known != 0)
      reject_reshape(x.shape(), "a multiple of " + std::to_string(known), known);
    *open = x.size() / known;
  }
  return reshape(x, Shape(std::span<const std::int64_t>(e.data(), extents.size())));
}

Var flatten(Var x, int axis) {
  const Shape s = x.shape();
  if (s.rank() == 0) return reshape(x, Shape{1});
  const int a = s.resolve(axis, "flatten");
  std::array<std::int64_t, Shape::max_rank> e{};
  std::copy(s.begin(), s.begin() + a, e.begin());
  e[static_cast<std::size_t>(a)] = s.product(a, s.rank());
  return reshape(x,
                 Shape(std::span<const std::int64_t>(e.data(), static_cast<std::size_t>(a + 1))));
}

Var unsqueeze(Var x, int axis) { return reshape(x, x.shape().inserted(axis, 1)); }

Var squeeze(Var x, int axis) {
  const Shape s = x.shape();
  if (s[axis] != 1)
    throw ShapeError("squeeze: " + to_string(s) + ": axis " + std::to_string(axis) +
                     " has extent " + std::to_string(s[axis]) + ", not 1");
  return reshape(x, s.without(axis));
}

Var rows(Var x, std::int64_t first, std::int64_t last) {
  const Shape s = x.shape();
  if (s.rank() == 0 || first < 0 || last < first || last > s[0])
    throw ShapeError("rows: [" + std::to_string(first) + ", " + std::to_string(last) + ") of " +
                     to_string(s) + ": not a range of its leading axis");
  return make_view(x, first * s.product(1, s.rank()), s.with(0, last - first), "rows");
}

Var row(Var x, std::int64_t index) {
  const Shape s = x.shape();
  if (s.rank() == 0 || index < 0 || index >= s[0])
    throw ShapeError("row: " + std::to_string(index) + " of " + to_string(s) +
                     ": not an entry of its leading axis");
  return make_view(x, index * s.product(1, s.rank()), s.without(0), "row");
}

}  // namespace metatape
