// reduce.cpp: an axis, several or all of them made one number.
// Every reduction is done on [outer, extent, inner]; axes that are not neighbours are brought
// together first. A sum over the last axis runs in interleaved parts and blocks of a fixed shape:
// fast, more exact than one running sum, and the same bits always.
#include "metatape/autodiff/ops/reduce.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/elementwise.hpp"
#include "lines.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

namespace {

template <Scalar T, class Term>
T interleaved_sum(std::int64_t n, const Term& term) {
  constexpr std::size_t parts = 16;
  std::array<T, parts> sum{};
  std::int64_t i = 0;
  for (; i + static_cast<std::int64_t>(parts) <= n; i += static_cast<std::int64_t>(parts))
    for (std::size_t k = 0; k < parts; ++k) sum[k] += term(i + static_cast<std::int64_t>(k));
  for (std::size_t k = 0; i < n; ++i, ++k) sum[k] += term(i);
  for (std::size_t half = parts / 2; half > 0; half /= 2)
    for (std::size_t k = 0; k < half; ++k) sum[k] += sum[k + half];
  return sum[0];
}

// The shapes below: x [outer, extent, inner] -> y [outer, inner].
Lines seen(const Shape& x) { return {x[0], x[1], x[2]}; }

// y, an entry of the reduced axis, beside x again.
Var beside(Var y, const Recorded& c) {
  const Lines s = seen(c.input_shape(0));
  return broadcast_to(reshape(y, Shape{s.outer, 1, s.inner}), c.input_shape(0));
}

struct Sum {
  static constexpr const char* name = "sum";
  template <Scalar T>
  static void forward(const Forward& c) {
    const Lines s = seen(c.input_shape(0));
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    if (s.inner == 1) {
      for (std::int64_t o = 0; o < s.outer; ++o, x += s.extent)
        y[o] = static_cast<T>(kernel::sum(x, s.extent));
      return;
    }
    std::fill_n(y, c.size(), T{0});
    for (std::int64_t o = 0; o < s.outer; ++o, y += s.inner)
      for (std::int64_t e = 0; e < s.extent; ++e, x += s.inner)
        for (std::int64_t i = 0; i < s.inner; ++i) y[i] += x[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Lines s = seen(c.input_shape(0));
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    if (s.inner == 1) {  // a loop of its own, since compilers make vectors of it
      for (std::int64_t o = 0; o < s.outer; ++o, d += s.extent)
        for (std::int64_t e = 0; e < s.extent; ++e) d[e] += g[o];
      return;
    }
    for (std::int64_t o = 0; o < s.outer; ++o, g += s.inner)
      for (std::int64_t e = 0; e < s.extent; ++e, d += s.inner)
        for (std::int64_t i = 0; i < s.inner; ++i) d[i] += g[i];
  }
  static void recorded(const Recorded& c) { c.add(0, beside(c.gradient(), c)); }
};

// Equals share the gradient evenly; a NaN is the result and takes no gradient.
template <bool largest>
struct Extremum {
  static constexpr const char* name = largest ? "max" : "min";
  template <Scalar T>
  static void forward(const Forward& c) {
    const Lines s = seen(c.input_shape(0));
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    for (std::int64_t o = 0; o < s.outer; ++o, x += s.extent * s.inner, y += s.inner) {
      std::copy_n(x, s.inner, y);
      for (std::int64_t e = 1; e < s.extent; ++e)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const T v = x[e * s.inner + i];
          if (v != v || (largest ? v > y[i] : v < y[i])) y[i] = v;
        }
    }
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Lines s = seen(c.input_shape(0));
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < s.inner; ++i) {
        const std::int64_t line = o * s.extent * s.inner + i, at = o * s.inner + i;
        std::int64_t equals = 0;
        for (std::int64_t e = 0; e < s.extent; ++e) equals += x[line + e * s.inner] == y[at];
        for (std::int64_t e = 0; e < s.extent; ++e)
          if (x[line + e * s.inner] == y[at])
            d[line + e * s.inner] += g[at] / static_cast<T>(equals);
      }
  }
  static void recorded(const Recorded& c) {
    const Var mask = equal(c.input(0), beside(c.output(), c));
    c.add(0, mask * beside(c.gradient() / sum(mask, 1), c));
  }
};

struct LogSumExp {
  static constexpr const char* name = "logsumexp";
  template <Scalar T>
  static void forward(const Forward& c) {
    constexpr T lowest = -std::numeric_limits<T>::infinity();
    const Lines s = seen(c.input_shape(0));
    const T* x = c.input<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < s.inner; ++i) {
        const T* line = x + o * s.extent * s.inner + i;
        T largest = lowest;
        for (std::int64_t e = 0; e < s.extent; ++e)
          if (const T v = line[e * s.inner]; v != v || v > largest) largest = v;
        T& y = c.output<T>()[o * s.inner + i];
        y = std::isinf(largest) || largest != largest
                ? largest
                : largest + std::log(interleaved_sum<T>(s.extent, [&](std::int64_t e) {
                    return std::exp(line[e * s.inner] - largest);
                  }));
      }
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Lines s = seen(c.input_shape(0));
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t e = 0; e < s.extent; ++e)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const std::int64_t at = (o * s.extent + e) * s.inner + i, to = o * s.inner + i;
          if (x[at] > -std::numeric_limits<T>::infinity()) d[at] += g[to] * std::exp(x[at] - y[to]);
        }
  }
  static void recorded(const Recorded& c) {
    // Where all of a line is -inf so is y, and x - y would be NaN: there the share is e^-inf = 0.
    const Var y = c.output();
    const Var lowest = y.tape().constant(-std::numeric_limits<double>::infinity(), y.dtype());
    const Var zero = y.tape().constant(0, y.dtype());
    c.add(0,
          beside(c.gradient(), c) * exp(c.input(0) - beside(where(equal(y, lowest), zero, y), c)));
  }
};

struct Norm {
  static constexpr const char* name = "norm";
  template <Scalar T>
  static void forward(const Forward& c) {
    const Lines s = seen(c.input_shape(0));
    const T* x = c.input<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < s.inner; ++i) {
        const T* line = x + o * s.extent * s.inner + i;
        // In float64, and scaled by nothing: float32 squares cannot overflow there.
        c.output<T>()[o * s.inner + i] =
            static_cast<T>(std::sqrt(interleaved_sum<double>(s.extent, [&](std::int64_t e) {
              const auto v = static_cast<double>(line[e * s.inner]);
              return v * v;
            })));
      }
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Lines s = seen(c.input_shape(0));
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t e = 0; e < s.extent; ++e)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const std::int64_t at = (o * s.extent + e) * s.inner + i, to = o * s.inner + i;
          if (y[to] != 0) d[at] += g[to] * x[at] / y[to];
        }
  }
  static void recorded(const Recorded& c) {
    const Var y = c.output();
    const Var zero = y.tape().constant(0, y.dtype()), one = y.tape().constant(1, y.dtype());
    const Var safe = where(equal(y, zero), one, y);  // there x is 0, and so is the slope
    c.add(0, c.input(0) * beside(c.gradient() / safe, c));
  }
};

struct CumSum {
  static constexpr const char* name = "cumsum";
  template <Scalar T>
  static void forward(const Forward& c) {
    const Lines s = seen(c.shape());
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t e = 0; e < s.extent; ++e, x += s.inner, y += s.inner)
        for (std::int64_t i = 0; i < s.inner; ++i) y[i] = e > 0 ? y[i - s.inner] + x[i] : x[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const Lines s = seen(c.shape());
    const T* g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < s.inner; ++i) {
        T sum{0};
        for (std::int64_t e = s.extent; e-- > 0;) {
          const std::int64_t at = (o * s.extent + e) * s.inner + i;
          d[at] += sum += g[at];
        }
      }
  }
  static void recorded(const Recorded& c) { c.add(0, flip(cumsum(flip(c.gradient(), 1), 1), 1)); }
};

// x [outer, extent], lines along the last axis. dx_k = Σ_{j >= k} g_j Π_{i <= j, i != k} x_i,
// formed without dividing, so that zeros are no exception; quadratic in the extent.
struct CumProd {
  static constexpr const char* name = "cumprod";
  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t n = c.shape()[1];
    const T* x = c.input<T>(0);
    T* y = c.output<T>();
    for (std::int64_t o = 0; o < c.shape()[0]; ++o, x += n, y += n)
      for (std::int64_t k = 0; k < n; ++k) y[k] = k > 0 ? y[k - 1] * x[k] : x[k];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const std::int64_t n = c.shape()[1];
    const T *x = c.input<T>(0), *y = c.output<T>(), *g = c.gradient<T>();
    T* d = c.adjoint<T>(0);
    for (std::int64_t o = 0; o < c.shape()[0]; ++o, x += n, y += n, g += n, d += n)
      for (std::int64_t k = 0; k < n; ++k) {
        T others = k > 0 ? y[k - 1] : T{1}, sum = g[k] * others;
        for (std::int64_t j = k + 1; j < n; ++j) sum += g[j] * (others *= x[j]);
        d[k] += sum;
      }
  }
  // The same products as rows of a matrix: x with a 1 in place k, accumulated.
  static void recorded(const Recorded& c) {
    const std::int64_t outer = c.shape()[0], n = c.shape()[1];
    Tape& tape = c.gradient().tape();
    const Var eye = tape.constant(Tensor::identity(n, c.dtype()));
    const Var row = reshape(c.input(0), Shape{outer, 1, n});
    const Var others = row * (1.0 - eye) + eye;  // [outer, k, i]
    const Var products =
        reshape(cumprod(reshape(others, Shape{outer * n, n}), 1), Shape{outer, n, n});
    Tensor upper = Tensor::zeros({n, n}, c.dtype());
    visit(c.dtype(), [&]<class T>(T) {
      const auto v = upper.template mutable_values<T>();
      for (std::int64_t k = 0; k < n; ++k)
        for (std::int64_t j = k; j < n; ++j) v[static_cast<std::size_t>(k * n + j)] = T{1};
    });
    c.add(0, sum(products * upper * reshape(c.gradient(), Shape{outer, 1, n}), 2));
  }
};

// x brought to [outer, extent, inner] with all reduced axes in the middle, and the result's shape.
struct Reduction {
  Var x;
  Shape result;
};

Reduction arrange(Var x, const Axes& axes, Keep keep, const char* op) {
  const Shape s = x.shape();
  std::array<bool, Shape::max_rank> reduced{};
  if (!axes.given)
    reduced.fill(true);
  else
    for (int k = 0; k < axes.count; ++k) {
      bool& r =
          reduced[static_cast<std::size_t>(s.resolve(axes.list[static_cast<std::size_t>(k)], op))];
      if (r)
        throw ShapeError(std::string(op) + ": " + to_string(s) + ": axis " +
                         std::to_string(axes.list[static_cast<std::size_t>(k)]) +
                         " is given twice");
      r = true;
    }
  std::array<std::int64_t, Shape::max_rank> extents{};
  std::array<int, Shape::max_rank> order{};
  std::size_t kept = 0, at = 0;
  int first = s.rank(), last = -1, count = 0;
  std::int64_t extent = 1;
  for (int i = 0; i < s.rank(); ++i) {
    const bool r = reduced[static_cast<std::size_t>(i)];
    if (r) {
      first = std::min(first, i);
      last = i;
      ++count;
      extent *= s.begin()[i];
    } else {
      order[at++] = i;
    }
    if (!r || keep == Keep::yes) extents[kept++] = r ? 1 : s.begin()[i];
  }
  const Shape result(std::span<const std::int64_t>(extents.data(), kept));
  if (count == 0) return {reshape(x, Shape{s.size(), 1, 1}), result};
  if (last - first + 1 == count)
    return {reshape(x, Shape{s.product(0, first), extent, s.product(last + 1, s.rank())}), result};
  for (int i = 0; i < s.rank(); ++i)
    if (reduced[static_cast<std::size_t>(i)]) order[at++] = i;
  const Var moved = permute(x, std::span<const int>(order.data(), at));
  return {reshape(moved, Shape{result.size(), extent, 1}), result};
}

std::int64_t reduced_count(Var x, const Axes& axes, const char* op) {
  const Shape s = x.shape();
  if (!axes.given) return s.size();
  std::int64_t n = 1;
  for (int k = 0; k < axes.count; ++k)
    n *= s.begin()[s.resolve(axes.list[static_cast<std::size_t>(k)], op)];
  return n;
}

template <class Op>
Var reduced(Var x, const Axes& axes, Keep keep, bool may_be_empty) {
  if (!may_be_empty && reduced_count(x, axes, Op::name) == 0)
    throw ShapeError(std::string(Op::name) + ": " + to_string(x.shape()) +
                     ": nothing is left to reduce");
  const Reduction r = arrange(x, axes, keep, Op::name);
  const Shape s = r.x.shape();
  return reshape(record<Op>({r.x}, Shape{s[0], s[2]}), r.result);
}

}  // namespace

}  // namespace ops

Axes::Axes(std::initializer_list<int> axes) : given(true), count(static_cast<int>(axes.size())) {
  if (axes.size() > list.size())
    throw ShapeError("axes: " + std::to_string(axes.size()) + " axes: at most 6 exist");
  std::ranges::copy(axes, list.begin());
}

Var sum(Var x, const Axes& axes, Keep keep) { return ops::reduced<ops::Sum>(x, axes, keep, true); }
Var max(Var x, const Axes& axes, Keep keep) {
  return ops::reduced<ops::Extremum<true>>(x, axes, keep, false);
}
Var min(Var x, const Axes& axes, Keep keep) {
  return ops::reduced<ops::Extremum<false>>(x, axes, keep, false);
}
Var logsumexp(Var x, const Axes& axes, Keep keep) {
  return ops::reduced<ops::LogSumExp>(x, axes, keep, true);
}
Var norm(Var x, const Axes& axes, Keep keep) {
  return ops::reduced<ops::Norm>(x, axes, keep, true);
}

Var mean(Var x, const Axes& axes, Keep keep) {
  const std::int64_t n = ops::reduced_count(x, axes, "mean");
  if (n == 0) throw ShapeError("mean: " + to_string(x.shape()) + ": nothing is left to reduce");
  return affine(sum(x, axes, keep), 1.0 / static_cast<double>(n), 0);
}

Var variance(Var x, const Axes& axes, int correction, Keep keep) {
  const std::int64_t n = ops::reduced_count(x, axes, "variance");
  if (n - correction < 1)
    throw ShapeError("variance: " + to_string(x.shape()) + ": " + std::to_string(n) +
                     " elements with correction " + std::to_string(correction) +
                     ": the divisor is not positive");
  const Var apart = x - mean(x, axes, Keep::yes);
  return affine(sum(square(apart), axes, keep), 1.0 / static_cast<double>(n - correction), 0);
}

Var cumsum(Var x, int axis) {
  const Shape s = x.shape();
  const ops::Lines l = ops::lines(s, s.resolve(axis, "cumsum"));
  const Shape seen{l.outer, l.extent, l.inner};
  return reshape(record<ops::CumSum>({reshape(x, seen)}, seen), s);
}

Var cumprod(Var x, int axis) {
  const Shape s = x.shape();
  const int a = s.resolve(axis, "cumprod");
  const Var last = transpose(x, a, -1);
  const std::int64_t n = s.begin()[a];
  const Shape seen{n > 0 ? s.size() / n : 0, n};
  return transpose(reshape(record<ops::CumProd>({reshape(last, seen)}, seen), last.shape()), a, -1);
}

}  // namespace metatape
