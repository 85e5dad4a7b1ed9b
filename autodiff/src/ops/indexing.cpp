// indexing.cpp: elements taken and put by position.
#include "metatape/autodiff/ops/indexing.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "lines.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

namespace {

// `whole` [outer, extent, inner], `part` [outer, count, inner]: entry k of the part is entry
// positions[k] of the whole. Taking and adding back are each other's pullback.
struct Positions {
  Lines whole;
  std::int64_t count;
  const std::int32_t* at;  // in Indices that the tape keeps
};

template <class F>
void for_each_entry(const Positions& s, const F& f) {
  for (std::int64_t o = 0; o < s.whole.outer; ++o)
    for (std::int64_t k = 0; k < s.count; ++k)
      f((o * s.count + k) * s.whole.inner, (o * s.whole.extent + s.at[k]) * s.whole.inner);
}

template <Scalar T>
void take(const Positions& s, const T* whole, T* part, bool add) {
  for_each_entry(s, [&](std::int64_t p, std::int64_t w) {
    for (std::int64_t i = 0; i < s.whole.inner; ++i)
      part[p + i] = add ? part[p + i] + whole[w + i] : whole[w + i];
  });
}

template <Scalar T>
void put(const Positions& s, const T* part, T* whole) {
  for_each_entry(s, [&](std::int64_t p, std::int64_t w) {
    for (std::int64_t i = 0; i < s.whole.inner; ++i) whole[w + i] += part[p + i];
  });
}

Var gathered(Var whole, const Shape& part, const Positions& s, const Indices& kept);
Var scattered(Var part, const Shape& whole, const Positions& s, const Indices& kept);

// What the attributes point into, as Indices again: the record that keeps them is older than any
// that the recorded pullback makes, but may be rewound before it, so they are kept twice.
Indices copied(const Positions& s) {
  return Indices(std::vector<std::int32_t>(s.at, s.at + s.count));
}

struct Gather {
  using Attributes = Positions;
  static constexpr const char* name = "gather";
  template <Scalar T>
  static void forward(const Forward& c) {
    take(c.attributes<Attributes>(), c.input<T>(0), c.output<T>(), false);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    put(c.attributes<Attributes>(), c.gradient<T>(), c.adjoint<T>(0));
  }
  static void recorded(const Recorded& c) {
    const Positions& s = c.attributes<Attributes>();
    c.add(0, scattered(c.gradient(), c.input_shape(0), s, copied(s)));
  }
};

struct ScatterAdd {
  using Attributes = Positions;
  static constexpr const char* name = "scatter_add";
  template <Scalar T>
  static void forward(const Forward& c) {
    std::fill_n(c.output<T>(), c.size(), T{0});
    put(c.attributes<Attributes>(), c.input<T>(0), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    take(c.attributes<Attributes>(), c.gradient<T>(), c.adjoint<T>(0), true);
  }
  static void recorded(const Recorded& c) {
    const Positions& s = c.attributes<Attributes>();
    c.add(0, gathered(c.gradient(), c.input_shape(0), s, copied(s)));
  }
};

Var gathered(Var whole, const Shape& part, const Positions& s, const Indices& kept) {
  return record<Gather>({whole}, part, {s.whole, s.count, kept.values().data()}, Indices(kept));
}
Var scattered(Var part, const Shape& whole, const Positions& s, const Indices& kept) {
  return record<ScatterAdd>({part}, whole, {s.whole, s.count, kept.values().data()}, Indices(kept));
}

void require_inside(const Indices& positions, std::int64_t extent, const char* op) {
  for (std::int64_t i = 0; i < positions.size(); ++i)
    if (positions[i] < 0 || positions[i] >= extent)
      throw DataError(std::string(op) + ": position " + std::to_string(i) + " is " +
                      std::to_string(positions[i]) + ": 0 to " + std::to_string(extent - 1) +
                      " exist");
}

// Positions along an axis in ascending order of value, line by line; NaN last, equals in order.
template <Scalar T>
void sort_lines(const Lines& s, const T* x, std::int32_t* order) {
  std::vector<std::int32_t> line(static_cast<std::size_t>(s.extent));
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.inner; ++i) {
      const T* v = x + o * s.extent * s.inner + i;
      for (std::size_t k = 0; k < line.size(); ++k) line[k] = static_cast<std::int32_t>(k);
      std::ranges::stable_sort(line, [&](std::int32_t a, std::int32_t b) {
        const T va = v[a * s.inner], vb = v[b * s.inner];
        return va == va && (vb != vb || va < vb);
      });
      for (std::size_t k = 0; k < line.size(); ++k)
        order[(o * s.extent + static_cast<std::int64_t>(k)) * s.inner + i] = line[k];
    }
}

std::vector<std::int32_t> sorted_positions(Var x, const Lines& s) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(x.size()));
  visit(x.dtype(), [&]<class T>(T) { sort_lines(s, x.template values<T>().data(), order.data()); });
  return order;
}

}  // namespace

}  // namespace ops

Var gather(Var x, const Indices& positions, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "gather");
  if (positions.shape().rank() != 1)
    throw ShapeError("gather: positions " + to_string(positions.shape()) +
                     ": one axis is expected");
  ops::require_inside(positions, s.begin()[a], "gather");
  return ops::gathered(x, s.with(a, positions.size()),
                       {ops::lines(s, a), positions.size(), nullptr}, positions);
}

Var scatter_add(Var x, const Indices& positions, std::int64_t extent, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "scatter_add");
  if (!(positions.shape() == Shape{s.begin()[a]}))
    throw ShapeError("scatter_add: positions " + to_string(positions.shape()) + " for axis " +
                     std::to_string(axis) + " of " + to_string(s) + ": one each is needed");
  ops::require_inside(positions, extent, "scatter_add");
  const Shape whole = s.with(a, extent);
  return ops::scattered(x, whole, {ops::lines(whole, a), positions.size(), nullptr}, positions);
}

Var pick(Var x, const Indices& positions) {
  const Shape s = x.shape();
  if (s.rank() != 2 || !(positions.shape() == Shape{s[0]}))
    throw ShapeError("pick: x " + to_string(s) + " and positions " + to_string(positions.shape()) +
                     ": [n, k] and [n] are expected");
  ops::require_inside(positions, s[1], "pick");
  std::vector<std::int32_t> flat(positions.values().begin(), positions.values().end());
  for (std::size_t r = 0; r < flat.size(); ++r)
    flat[r] += static_cast<std::int32_t>(static_cast<std::int64_t>(r) * s[1]);
  return gather(reshape(x, Shape{s.size()}), Indices(std::move(flat)));
}

Var embedding(Var table, const Indices& positions) {
  const Shape s = table.shape();
  if (s.rank() != 2)
    throw ShapeError("embedding: table " + to_string(s) + ": [words, width] is expected");
  ops::require_inside(positions, s[0], "embedding");
  const Var rows = gather(table, positions.reshape({positions.size()}));
  return reshape(rows, positions.shape().inserted(-1, s[1]));
}

Tensor one_hot(const Indices& labels, std::int64_t classes, DType dtype) {
  ops::require_inside(labels, classes, "one_hot");
  Tensor t = Tensor::zeros(labels.shape().inserted(-1, classes), dtype);
  visit(dtype, [&]<class T>(T) {
    const auto v = t.template mutable_values<T>();
    for (std::int64_t i = 0; i < labels.size(); ++i)
      v[static_cast<std::size_t>(i * classes + labels[i])] = T{1};
  });
  return t;
}

Indices argmax(Var x, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "argmax");
  const ops::Lines l = ops::lines(s, a);
  if (l.extent == 0)
    throw ShapeError("argmax: " + to_string(s) + ": axis " + std::to_string(axis) + " is empty");
  std::vector<std::int32_t> best(static_cast<std::size_t>(l.outer * l.inner));
  visit(x.dtype(), [&]<class T>(T) {
    const T* v = x.template values<T>().data();
    for (std::int64_t o = 0; o < l.outer; ++o)
      for (std::int64_t i = 0; i < l.inner; ++i) {
        const T* line = v + o * l.extent * l.inner + i;
        std::int64_t at = 0;
        for (std::int64_t e = 1; e < l.extent; ++e) {
          const T now = line[at * l.inner], next = line[e * l.inner];
          if (now == now && (next != next || next > now)) at = e;
        }
        best[static_cast<std::size_t>(o * l.inner + i)] = static_cast<std::int32_t>(at);
      }
  });
  return Indices(s.without(a), std::move(best));
}

Indices argsort(Var x, int axis) {
  const Shape s = x.shape();
  return Indices(s, ops::sorted_positions(x, ops::lines(s, s.resolve(axis, "argsort"))));
}

Var sort(Var x, int axis) {
  const Shape s = x.shape();
  const ops::Lines l = ops::lines(s, s.resolve(axis, "sort"));
  std::vector<std::int32_t> flat = ops::sorted_positions(x, l);
  for (std::int64_t o = 0; o < l.outer; ++o)
    for (std::int64_t e = 0; e < l.extent; ++e)
      for (std::int64_t i = 0; i < l.inner; ++i) {
        std::int32_t& p = flat[static_cast<std::size_t>((o * l.extent + e) * l.inner + i)];
        p = static_cast<std::int32_t>((o * l.extent + p) * l.inner + i);
      }
  return reshape(gather(reshape(x, Shape{s.size()}), Indices(std::move(flat))), s);
}

}  // namespace metatape
