// arrange.cpp: elements copied to another place: axes in another order, shapes stretched and summed
// back, ranges of an axis taken, put among zeros, turned round, joined.
#include <algorithm>
#include <array>
#include <string>

#include "broadcasting.hpp"
#include "lines.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "storage.hpp"

namespace metatape {

namespace ops {

namespace {

// Axis i of the output is axis order[i] of the input.
struct Permute {
  struct Attributes {
    std::array<int, Shape::max_rank> order;
  };
  static constexpr const char* name = "permute";

  // Calls f(output position, input position) for every element, in the output's order.
  template <class Context, class F>
  static void walk(const Context& c, const F& f) {
    const auto& order = c.template attributes<Attributes>().order;
    const Shape &x = c.input_shape(0), &y = c.shape();
    const auto rank = static_cast<std::size_t>(y.rank());
    if (y.size() == 0) return;
    std::array<std::int64_t, Shape::max_rank> step{}, at{};
    for (std::size_t i = 0; i < rank; ++i) step[i] = x.product(order[i] + 1, x.rank());
    std::int64_t from = 0;
    const std::int64_t row = rank > 0 ? y.begin()[rank - 1] : 1;
    const std::int64_t row_step = rank > 0 ? step[rank - 1] : 0;
    for (std::int64_t o = 0; o < y.size();) {
      for (std::int64_t i = 0; i < row; ++i) f(o + i, from + i * row_step);
      o += row;
      for (std::size_t i = rank > 0 ? rank - 1 : 0; i-- > 0;) {
        from += step[i];
        if (++at[i] < y.begin()[i]) break;
        from -= step[i] * y.begin()[i];
        at[i] = 0;
      }
    }
  }
  template <Scalar T>
  static void forward(const Forward& c) {
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    walk(c, [&](std::int64_t o, std::int64_t i) { y[o] = x[i]; });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    walk(c, [&](std::int64_t o, std::int64_t i) { d[i] += g[o]; });
  }
  static void recorded(const Recorded& c) {
    std::array<int, Shape::max_rank> back{};
    const auto rank = static_cast<std::size_t>(c.shape().rank());
    for (std::size_t i = 0; i < rank; ++i)
      back[static_cast<std::size_t>(c.attributes<Attributes>().order[i])] = static_cast<int>(i);
    c.add(0, permute(c.gradient(), std::span<const int>(back.data(), rank)));
  }
};

// Stretching and summing back are each other's pullback.
template <bool stretch>
struct Broadcast {
  static constexpr const char* name = stretch ? "broadcast_to" : "sum_to";

  // Calls f(position in the larger, position in the smaller, length, step in the smaller).
  template <class F>
  static void walk(const Shape& large, const Shape& small, const F& f) {
    for_each_run(broadcasting(small, large, large),
                 [&](std::int64_t o, std::int64_t i, std::int64_t, std::int64_t n, std::int64_t si,
                     std::int64_t) { f(o, i, n, si); });
  }
  template <Scalar T>
  static void add_up(const Shape& large, const Shape& small, const T* from, T* to) {
    walk(large, small, [&](std::int64_t o, std::int64_t i, std::int64_t n, std::int64_t si) {
      if (si == 0) {
        T sum{0};
        for (std::int64_t k = 0; k < n; ++k) sum += from[o + k];
        to[i] += sum;
      } else {
        for (std::int64_t k = 0; k < n; ++k) to[i + k * si] += from[o + k];
      }
    });
  }
  template <Scalar T>
  static void forward(const Forward& c) {
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    if constexpr (stretch) {
      walk(c.shape(), c.input_shape(0),
           [&](std::int64_t o, std::int64_t i, std::int64_t n, std::int64_t si) {
             for (std::int64_t k = 0; k < n; ++k) y[o + k] = x[i + k * si];
           });
    } else {
      std::fill_n(y, c.size(), T{0});
      add_up(c.input_shape(0), c.shape(), x, y);
    }
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    if constexpr (stretch) {
      add_up(c.shape(), c.input_shape(0), g, d);
    } else {
      walk(c.input_shape(0), c.shape(),
           [&](std::int64_t o, std::int64_t i, std::int64_t n, std::int64_t si) {
             for (std::int64_t k = 0; k < n; ++k) d[o + k] += g[i + k * si];
           });
    }
  }
  static void recorded(const Recorded& c) {
    c.add(0, stretch ? sum_to(c.gradient(), c.input_shape(0))
                     : broadcast_to(c.gradient(), c.input_shape(0)));
  }
};

// Every step-th entry from `first` on along an axis of `whole`, seen as lines; taken, or put among
// zeros. A negative step runs backwards.
struct Stretch {
  Lines whole;
  std::int64_t first, count, step;
};

template <class F>
void for_each_entry(const Stretch& s, const F& f) {  // f(position in the part, in the whole)
  for (std::int64_t o = 0; o < s.whole.outer; ++o)
    for (std::int64_t k = 0; k < s.count; ++k)
      f((o * s.count + k) * s.whole.inner,
        (o * s.whole.extent + s.first + k * s.step) * s.whole.inner);
}

Var put(Var part, const Shape& whole, const Stretch& s);
Var take(Var whole, const Shape& part, const Stretch& s);

struct Take {
  using Attributes = Stretch;
  static constexpr const char* name = "slice";
  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    for_each_entry(s, [&](std::int64_t part, std::int64_t whole) {
      std::copy_n(x + whole, s.whole.inner, y + part);
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for_each_entry(s, [&](std::int64_t part, std::int64_t whole) {
      for (std::int64_t i = 0; i < s.whole.inner; ++i) d[whole + i] += g[part + i];
    });
  }
  static void recorded(const Recorded& c) {
    c.add(0, put(c.gradient(), c.input_shape(0), c.attributes<Attributes>()));
  }
};

struct Put {
  struct Attributes {
    Stretch stretch;
    double value;
  };
  static constexpr const char* name = "pad";
  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& [s, value] = c.attributes<Attributes>();
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    std::fill_n(y, c.size(), static_cast<T>(value));
    for_each_entry(s, [&, inner = s.whole.inner](std::int64_t part, std::int64_t whole) {
      std::copy_n(x + part, inner, y + whole);
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Stretch& s = c.attributes<Attributes>().stretch;
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for_each_entry(s, [&](std::int64_t part, std::int64_t whole) {
      for (std::int64_t i = 0; i < s.whole.inner; ++i) d[part + i] += g[whole + i];
    });
  }
  static void recorded(const Recorded& c) {
    c.add(0, take(c.gradient(), c.input_shape(0), c.attributes<Attributes>().stretch));
  }
};

Var take(Var whole, const Shape& part, const Stretch& s) { return record<Take>({whole}, part, s); }
Var put(Var part, const Shape& whole, const Stretch& s) {
  return record<Put>({part}, whole, {s, 0});
}

// Parts one after the other along an axis.
struct Concat {
  struct Attributes {
    int axis;
  };
  static constexpr const char* name = "concat";

  // Calls f(input, position in it, position in the output, length) for every stretch.
  template <class Context, class F>
  static void walk(const Context& c, const F& f) {
    const int axis = c.template attributes<Attributes>().axis;
    const Lines whole = lines(c.shape(), axis);
    std::int64_t first = 0;
    for (int i = 0; i < c.arity(); ++i) {
      const std::int64_t run = c.input_shape(i).begin()[axis] * whole.inner;
      for (std::int64_t o = 0; o < whole.outer; ++o)
        f(i, o * run, o * whole.extent * whole.inner + first, run);
      first += run;
    }
  }
  template <Scalar T>
  static void forward(const Forward& c) {
    walk(c, [&](int i, std::int64_t part, std::int64_t whole, std::int64_t n) {
      std::copy_n(c.input<T>(i) + part, n, c.output<T>() + whole);
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const T* g = c.gradient<T>();
    walk(c, [&](int i, std::int64_t part, std::int64_t whole, std::int64_t n) {
      if (!c.wants(i)) return;
      T* d = c.adjoint<T>(i) + part;
      for (std::int64_t k = 0; k < n; ++k) d[k] += g[whole + k];
    });
  }
  static void recorded(const Recorded& c) {
    const int axis = c.attributes<Attributes>().axis;
    std::int64_t first = 0;
    for (int i = 0; i < c.arity(); ++i) {
      const std::int64_t extent = c.input_shape(i).begin()[axis];
      if (c.wants(i)) c.add(i, slice(c.gradient(), axis, first, first + extent));
      first += extent;
    }
  }
};

}  // namespace

}  // namespace ops

Var permute(Var x, std::span<const int> order) {
  const Shape s = x.shape();
  const auto rank = static_cast<std::size_t>(s.rank());
  const auto reject = [&] {
    std::string said;
    for (const int a : order) said += (said.empty() ? "" : ", ") + std::to_string(a);
    throw ShapeError("permute: " + to_string(s) + " by (" + said + "): each axis is needed once");
  };
  if (order.size() != rank) reject();
  ops::Permute::Attributes attributes{};
  std::array<bool, Shape::max_rank> seen{};
  std::array<std::int64_t, Shape::max_rank> extents{};
  bool identity = true;
  for (std::size_t i = 0; i < rank; ++i) {
    const int a = order[i] < 0 ? order[i] + s.rank() : order[i];
    if (a < 0 || a >= s.rank() || seen[static_cast<std::size_t>(a)]) reject();
    seen[static_cast<std::size_t>(a)] = true;
    attributes.order[i] = a;
    extents[i] = s.begin()[a];
    identity = identity && a == static_cast<int>(i);
  }
  if (identity) return x;
  return record<ops::Permute>({x}, Shape(std::span<const std::int64_t>(extents.data(), rank)),
                              attributes);
}

Var permute(Var x, std::initializer_list<int> order) {
  return permute(x, std::span<const int>(order.begin(), order.size()));
}

Var transpose(Var x, int axis_a, int axis_b) {
  const Shape s = x.shape();
  std::array<int, Shape::max_rank> order{0, 1, 2, 3, 4, 5};
  std::swap(order[static_cast<std::size_t>(s.resolve(axis_a, "transpose"))],
            order[static_cast<std::size_t>(s.resolve(axis_b, "transpose"))]);
  return permute(x, std::span<const int>(order.data(), static_cast<std::size_t>(s.rank())));
}

Var transpose(Var x) { return transpose(x, -2, -1); }

Var broadcast_to(Var x, const Shape& shape) {
  const Shape from = x.shape();
  if (from == shape) return x;
  if (!(broadcast(from, shape, "broadcast_to") == shape))
    throw ShapeError("broadcast_to: " + to_string(from) + " does not stretch to " +
                     to_string(shape));
  return record<ops::Broadcast<true>>({x}, shape);
}

Var sum_to(Var x, const Shape& shape) {
  const Shape from = x.shape();
  if (from == shape) return x;
  // A contribution that is smaller than its input comes from a formula with a lone constant.
  if (broadcast(from, shape, "sum_to") == shape) return broadcast_to(x, shape);
  if (!(broadcast(from, shape, "sum_to") == from))
    throw ShapeError("sum_to: " + to_string(shape) + " does not stretch to " + to_string(from));
  return record<ops::Broadcast<false>>({x}, shape);
}

Var slice(Var x, int axis, std::int64_t first, std::int64_t last, std::int64_t step) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "slice");
  if (step < 1 || first < 0 || last < first || last > s.begin()[a])
    throw ShapeError("slice: [" + std::to_string(first) + ", " + std::to_string(last) + ") by " +
                     std::to_string(step) + " of axis " + std::to_string(axis) + " of " +
                     to_string(s) + ": not a range of it");
  if (first == 0 && last == s.begin()[a] && step == 1) return x;
  if (a == 0 && step == 1) return rows(x, first, last);
  const std::int64_t count = (last - first + step - 1) / step;
  return ops::take(x, s.with(a, count), {ops::lines(s, a), first, count, step});
}

Var flip(Var x, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "flip");
  const std::int64_t n = s.begin()[a];
  if (n < 2) return x;
  return ops::take(x, s, {ops::lines(s, a), n - 1, n, -1});
}

Var pad(Var x, int axis, std::int64_t before, std::int64_t after, double value) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "pad");
  if (before < 0 || after < 0)
    throw ShapeError("pad: " + std::to_string(before) + " before and " + std::to_string(after) +
                     " after: 0 or more are needed");
  if (before == 0 && after == 0) return x;
  const std::int64_t n = s.begin()[a];
  const Shape whole = s.with(a, before + n + after);
  return record<ops::Put>({x}, whole, {{ops::lines(whole, a), before, n, 1}, value});
}

Var concat(std::span<const Var> parts, int axis) {
  if (parts.empty()) throw ShapeError("concat: no parts: at least one is needed");
  const Shape s = parts.front().shape();
  const int a = s.resolve(axis, "concat");
  std::int64_t extent = 0;
  for (const Var& part : parts) {
    const Shape& p = part.shape();
    if (p.rank() != s.rank() || !(p.with(a, 0) == s.with(a, 0)))
      throw ShapeError("concat: " + to_string(s) + " and " + to_string(p) + " differ beside axis " +
                       std::to_string(axis));
    extent += p.begin()[a];
  }
  if (parts.size() == 1) return parts.front();
  return record<ops::Concat>(parts, s.with(a, extent), {a});
}

Var concat(std::initializer_list<Var> parts, int axis) {
  return concat(std::span<const Var>(parts.begin(), parts.size()), axis);
}

Var stack(std::span<const Var> parts, int axis) {
  if (parts.empty()) throw ShapeError("stack: no parts: at least one is needed");
  const Shape s = parts.front().shape();
  for (const Var& part : parts)
    if (!(part.shape() == s))
      throw ShapeError("stack: " + to_string(s) + " and " + to_string(part.shape()) + " differ");
  const Undo undo(parts.front(), "stack");
  std::vector<Var, detail::PoolAllocator<Var>> unsqueezed;
  unsqueezed.reserve(parts.size());
  for (const Var& part : parts) unsqueezed.push_back(unsqueeze(part, axis));
  return concat(unsqueezed, axis);
}

Var stack(std::initializer_list<Var> parts, int axis) {
  return stack(std::span<const Var>(parts.begin(), parts.size()), axis);
}

std::vector<Var> split(Var x, std::span<const std::int64_t> extents, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "split");
  std::int64_t sum = 0;
  for (const std::int64_t e : extents) sum += e;
  if (sum != s.begin()[a] || std::ranges::any_of(extents, [](std::int64_t e) { return e < 0; }))
    throw ShapeError("split: parts of " + std::to_string(sum) + " in all along axis " +
                     std::to_string(axis) + " of " + to_string(s) + ": they must add up to " +
                     std::to_string(s.begin()[a]));
  std::vector<Var> parts;
  std::int64_t first = 0;
  for (const std::int64_t e : extents) {
    parts.push_back(slice(x, a, first, first + e));
    first += e;
  }
  return parts;
}

std::vector<Var> split(Var x, std::int64_t count, int axis) {
  const Shape s = x.shape();
  const std::int64_t n = s.begin()[s.resolve(axis, "split")];
  if (count < 1 || n % count != 0)
    throw ShapeError("split: axis " + std::to_string(axis) + " of " + to_string(s) + " in " +
                     std::to_string(count) + " parts: " + std::to_string(n) +
                     " does not divide so");
  const std::vector<std::int64_t> extents(static_cast<std::size_t>(count), n / count);
  return split(x, extents, axis);
}

}  // namespace metatape
