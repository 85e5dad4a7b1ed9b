// matmul.cpp: products of matrices. One op multiplies in any transposition and over batches that
// broadcast; its pullback is two products more. linear is the same with bias and activation fused.
#include "metatape/autodiff/ops/matmul.hpp"

#include <string>

#include "broadcasting.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "products.hpp"

namespace metatape {

namespace ops {

namespace {

Shape leading(const Shape& s) {
  return Shape(s.extents().first(static_cast<std::size_t>(s.rank() < 2 ? 0 : s.rank() - 2)));
}

Shape append(const Shape& s, std::initializer_list<std::int64_t> extents) {
  Shape r = s;
  for (const std::int64_t e : extents) r = r.inserted(r.rank(), e);
  return r;
}

constexpr Transpose other(Transpose t) {
  return t == Transpose::no ? Transpose::yes : Transpose::no;
}

}  // namespace

// y = a b            da += g bᵀ, db += aᵀ g (as a and b are stored)
struct Matmul {
  struct Attributes {
    Transpose ta, tb;
    std::int64_t m, n, k;  // of one product, after transposition
    std::int64_t batches;  // of the output; where only a has a batch its rows are folded into m
  };
  static constexpr const char* name = "matmul";

  // Calls product(y at, a at, b at) for each matrix of the batch.
  template <class Context, class F>
  static void for_each_product(const Context& c, const F& product) {
    const auto& s = c.template attributes<Attributes>();
    if (s.batches == 1) return product(0, 0, 0);
    const Shape ba = leading(c.input_shape(0)), bb = leading(c.input_shape(1));
    const std::int64_t y = s.m * s.n, a = s.m * s.k, b = s.k * s.n;
    for_each_run(broadcasting(ba, bb, broadcast(ba, bb, name)),
                 [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t count,
                     std::int64_t sa, std::int64_t sb) {
                   for (std::int64_t i = 0; i < count; ++i)
                     product((o + i) * y, (ia + i * sa) * a, (ib + i * sb) * b);
                 });
  }

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const T *a = c.input<T>(0), *b = c.input<T>(1);
    T* y = c.output<T>();
    for_each_product(c, [&](std::int64_t iy, std::int64_t ia, std::int64_t ib) {
      multiply(c, s.ta, s.tb, s.m, s.n, s.k, a + ia, b + ib, y + iy, false);
    });
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const T *a = c.input<T>(0), *b = c.input<T>(1), *g = c.gradient<T>();
    if (c.wants(0)) {
      bool fresh = false;
      T* d = s.batches == 1 ? c.adjoint<T>(0, fresh) : c.adjoint<T>(0);
      for_each_product(c, [&](std::int64_t iy, std::int64_t ia, std::int64_t ib) {
        if (s.ta == Transpose::no)
          multiply(c, Transpose::no, other(s.tb), s.m, s.k, s.n, g + iy, b + ib, d + ia, !fresh);
        else
          multiply(c, s.tb, Transpose::yes, s.k, s.m, s.n, b + ib, g + iy, d + ia, !fresh);
      });
    }
    if (c.wants(1)) {
      bool fresh = false;
      T* d = s.batches == 1 ? c.adjoint<T>(1, fresh) : c.adjoint<T>(1);
      for_each_product(c, [&](std::int64_t iy, std::int64_t ia, std::int64_t ib) {
        if (s.tb == Transpose::no)
          multiply(c, other(s.ta), Transpose::no, s.k, s.n, s.m, a + ia, g + iy, d + ib, !fresh);
        else
          multiply(c, Transpose::yes, s.ta, s.n, s.k, s.m, g + iy, a + ia, d + ib, !fresh);
      });
    }
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    // Vectors and folded rows are seen as the matrices they stand for; these views are free.
    const Shape ba = s.batches == 1 ? Shape{} : leading(c.input_shape(0));
    const Shape bb = s.batches == 1 ? Shape{} : leading(c.input_shape(1));
    const Shape by = broadcast(ba, bb, name);
    const Var g = reshape(c.gradient(), append(by, {s.m, s.n}));
    const bool ta = s.ta == Transpose::yes, tb = s.tb == Transpose::yes;
    const Shape as = append(ba, {ta ? s.k : s.m, ta ? s.m : s.k});
    const Shape bs = append(bb, {tb ? s.n : s.k, tb ? s.k : s.n});
    if (c.wants(0)) {
      const Var b = reshape(c.input(1), bs);
      const Var d =
          ta ? matmul(b, g, s.tb, Transpose::yes) : matmul(g, b, Transpose::no, other(s.tb));
      c.add(0, reshape(sum_to(d, as), c.input_shape(0)));
    }
    if (c.wants(1)) {
      const Var a = reshape(c.input(0), as);
      const Var d =
          tb ? matmul(g, a, Transpose::yes, s.ta) : matmul(a, g, other(s.ta), Transpose::no);
      c.add(1, reshape(sum_to(d, bs), c.input_shape(1)));
    }
  }
};

// y = activation(x Wᵀ + bias); dz = g activation'(y): dx += dz W, dW += dzᵀ x, dbias += Σ dz
struct Linear {
  struct Attributes {
    Activation activation;
  };
  static constexpr const char* name = "linear";

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t in = c.input_shape(1)[1], out = c.input_shape(1)[0];
    const std::int64_t rows = c.input_shape(0).product(0, c.input_shape(0).rank() - 1);
    T* y = c.output<T>();
    multiply(c, Transpose::no, Transpose::yes, rows, out, in, c.input<T>(0), c.input<T>(1), y,
             false);
    bias_activation(y, c.arity() > 2 ? c.input<T>(2) : nullptr, rows, out,
                    c.attributes<Attributes>().activation);
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const std::int64_t in = c.input_shape(1)[1], out = c.input_shape(1)[0];
    const std::int64_t rows = c.input_shape(0).product(0, c.input_shape(0).rank() - 1);
    const T* dz = c.gradient<T>();
    const Activation activation = c.attributes<Attributes>().activation;
    if (activation != Activation::none) {
      T* scaled = c.scratch<T>(c.size());
      activation_pullback(c.output<T>(), dz, scaled, c.size(), activation);
      dz = scaled;
    }
    bool fresh = false;
    if (c.wants(0)) {
      T* d = c.adjoint<T>(0, fresh);
      multiply(c, Transpose::no, Transpose::no, rows, in, out, dz, c.input<T>(1), d, !fresh);
    }
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1, fresh);
      multiply(c, Transpose::yes, Transpose::no, out, in, rows, dz, c.input<T>(0), d, !fresh);
    }
    if (c.arity() > 2 && c.wants(2)) add_column_sums(dz, rows, out, c.adjoint<T>(2));
  }

  static void recorded(const Recorded& c) {
    const std::int64_t in = c.input_shape(1)[1], out = c.input_shape(1)[0];
    const std::int64_t rows = c.input_shape(0).product(0, c.input_shape(0).rank() - 1);
    const Var y = c.output();
    Var dz = c.gradient();
    switch (c.attributes<Attributes>().activation) {
      case Activation::none:
        break;
      case Activation::relu:
        dz = dz * greater(stop_gradient(y), y.tape().constant(0, y.dtype()));
        break;
      case Activation::tanh:
        dz = dz * (1 - y * y);
        break;
      case Activation::sigmoid:
        dz = dz * (y * (1 - y));
        break;
    }
    dz = reshape(dz, Shape{rows, out});
    if (c.wants(0)) c.add(0, reshape(matmul(dz, c.input(1)), c.input_shape(0)));
    if (c.wants(1))
      c.add(1, matmul(dz, reshape(c.input(0), Shape{rows, in}), Transpose::yes, Transpose::no));
    if (c.arity() > 2 && c.wants(2)) c.add(2, sum_to(dz, c.input_shape(2)));
  }
};

}  // namespace ops

Var matmul(Var a, Var b, Transpose transpose_a, Transpose transpose_b) {
  const Shape &sa = a.shape(), &sb = b.shape();
  const auto reject = [&](const std::string& why) {
    throw ShapeError("matmul: " + to_string(sa) + " x " + to_string(sb) + ": " + why);
  };
  if (sa.rank() == 0 || sb.rank() == 0) reject("a factor has no axes");
  // A vector is a row on the left and a column on the right, however it is asked to be turned.
  const bool row = sa.rank() == 1, column = sb.rank() == 1;
  ops::Matmul::Attributes s{
      row ? Transpose::no : transpose_a, column ? Transpose::no : transpose_b, 1, 1, 1, 1};
  const bool ta = s.ta == Transpose::yes, tb = s.tb == Transpose::yes;
  const std::int64_t *ea = sa.end(), *eb = sb.end();
  s.m = row ? 1 : (ta ? ea[-1] : ea[-2]);
  s.k = ta ? ea[-2] : ea[-1];
  s.n = column ? 1 : (tb ? eb[-2] : eb[-1]);
  const std::int64_t inner = column || tb ? eb[-1] : eb[-2];
  if (inner != s.k)
    reject("inner dimensions " + std::to_string(s.k) + " and " + std::to_string(inner) + " differ");
  // The usual case, whose shape need not be put together of batch, rows and columns.
  if (sa.rank() == 2 && sb.rank() == 2) return record<ops::Matmul>({a, b}, Shape{s.m, s.n}, s);
  Shape out;
  if (sa.rank() > 2 || sb.rank() > 2) {
    const Shape ba = ops::leading(sa), bb = ops::leading(sb);
    try {
      out = broadcast(ba, bb, "matmul");
    } catch (const ShapeError&) {
      reject("batches " + to_string(ba) + " and " + to_string(bb) + " do not broadcast");
    }
    s.batches = out.size();
  }
  const std::int64_t m = s.m;
  if (s.batches != 1 && sb.rank() <= 2 && !ta) {  // one product of all rows
    s.m *= s.batches;
    s.batches = 1;
  }
  if (!row) out = out.inserted(out.rank(), m);
  if (!column) out = out.inserted(out.rank(), s.n);
  return record<ops::Matmul>({a, b}, out, s);
}

Var matmul(Var a, const Tensor& b) { return matmul(a, a.tape().constant(b)); }
Var matmul(const Tensor& a, Var b) { return matmul(b.tape().constant(a), b); }

Var dot(Var a, Var b) {
  const Shape &sa = a.shape(), &sb = b.shape();
  if (sa.rank() != 1 || sb.rank() != 1 || !(sa == sb))
    throw ShapeError("dot: " + to_string(sa) + " and " + to_string(sb) +
                     ": two vectors of equal length are needed");
  return matmul(a, b);
}

Var outer(Var a, Var b) {
  const Shape &sa = a.shape(), &sb = b.shape();
  if (sa.rank() != 1 || sb.rank() != 1)
    throw ShapeError("outer: " + to_string(sa) + " and " + to_string(sb) +
                     ": two vectors are needed");
  const Undo undo(a, "outer");
  return matmul(reshape(a, Shape{sa[0], 1}), reshape(b, Shape{1, sb[0]}));
}

Var linear(Var x, Var weight, Var bias, Activation activation) {
  const Shape &sx = x.shape(), &sw = weight.shape();
  if (sw.rank() != 2)
    throw ShapeError("linear: weight " + to_string(sw) + ": [out, in] is expected");
  if (sx.rank() == 0 || sx[-1] != sw[1])
    throw ShapeError("linear: x " + to_string(sx) + ", weight " + to_string(sw) +
                     ": the last axis of x must be " + std::to_string(sw[1]) + " long");
  const Shape out = sx.with(-1, sw[0]);
  const ops::Linear::Attributes attributes{activation};
  if (detail::TapeState::is_none(bias)) return record<ops::Linear>({x, weight}, out, attributes);
  if (!(bias.shape() == Shape{sw[0]}))
    throw ShapeError("linear: bias " + to_string(bias.shape()) + ", weight " + to_string(sw) +
                     ": bias must be [" + std::to_string(sw[0]) + "]");
  return record<ops::Linear>({x, weight, bias}, out, attributes);
}

}  // namespace metatape
