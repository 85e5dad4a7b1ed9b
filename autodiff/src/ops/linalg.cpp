// linalg.cpp: Cholesky factor and triangular systems, plain loops along rows of contiguous memory.
// Matrices here are small (covariances, Gram matrices); what matters is that the rules are right
// to every order, so recorded pullbacks are the formulas over Vars.
#include "metatape/autodiff/ops/linalg.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape {

namespace ops {

namespace {

// x [n, k] = op(t)⁻¹ x in place, by substitution from the row that stands alone.
template <Scalar T>
void solve(const T* t, T* x, std::int64_t n, std::int64_t k, Triangle triangle, bool transposed) {
  const bool forwards = (triangle == Triangle::lower) != transposed;
  for (std::int64_t s = 0; s < n; ++s) {
    const std::int64_t i = forwards ? s : n - 1 - s;
    T* xi = x + i * k;
    for (std::int64_t q = 0; q < s; ++q) {
      const std::int64_t j = forwards ? q : n - 1 - q;
      const T f = transposed ? t[j * n + i] : t[i * n + j];
      const T* xj = x + j * k;
      for (std::int64_t c = 0; c < k; ++c) xi[c] -= f * xj[c];
    }
    const T pivot = t[i * n + i];
    for (std::int64_t c = 0; c < k; ++c) xi[c] /= pivot;
  }
}

template <Scalar T>
void turn(const T* a, T* b, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) b[j * n + i] = a[i * n + j];
}

// The constant matrix with `diagonal` on the diagonal, 1 in one triangle, 0 in the other.
Var triangle_mask(Tape& tape, std::int64_t n, DType dtype, Triangle triangle, double diagonal) {
  std::vector<double> m(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      if (i == j || (triangle == Triangle::lower) == (j < i))
        m[static_cast<std::size_t>(i * n + j)] = i == j ? diagonal : 1;
  return tape.constant(Tensor(Shape{n, n}, std::span<const double>(m)).to(dtype));
}

}  // namespace

// y = L, L Lᵀ = a. With P = Φ(Lᵀ g), Φ the lower half with its diagonal halved, and S = L⁻ᵀ P L⁻¹:
// da += (S + Sᵀ) / 2. Murray (2016), "Differentiation of the Cholesky decomposition", eq. (10).
struct Cholesky {
  static constexpr const char* name = "cholesky";

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::int64_t n = c.shape()[0];
    const T* a = c.input<T>(0);
    T* l = c.output<T>();
    for (std::int64_t i = 0; i < n; ++i) {
      T* li = l + i * n;
      for (std::int64_t j = 0; j <= i; ++j) {
        const T* lj = l + j * n;
        T s = a[i * n + j];
        for (std::int64_t k = 0; k < j; ++k) s -= li[k] * lj[k];
        if (i > j) {
          li[j] = s / lj[j];
        } else if (s > T{0}) {
          li[i] = std::sqrt(s);
        } else {
          throw DataError("cholesky: " + to_string(c.shape()) + ": pivot " + std::to_string(i) +
                          " is " + std::to_string(static_cast<double>(s)) +
                          ": the matrix is not positive definite");
        }
      }
      std::fill(li + i + 1, li + n, T{0});
    }
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const std::int64_t n = c.shape()[0];
    const T *l = c.output<T>(), *g = c.gradient<T>();
    T *p = c.scratch<T>(n * n), *q = c.scratch<T>(n * n);
    std::fill(p, p + n * n, T{0});
    for (std::int64_t k = 0; k < n; ++k)
      for (std::int64_t i = 0; i <= k; ++i)
        for (std::int64_t j = 0; j <= i; ++j) p[i * n + j] += l[k * n + i] * g[k * n + j];
    for (std::int64_t i = 0; i < n; ++i) p[i * n + i] /= 2;
    solve(l, p, n, n, Triangle::lower, true);  // L⁻ᵀ P
    turn(p, q, n);
    solve(l, q, n, n, Triangle::lower, true);  // Sᵀ
    T* d = c.adjoint<T>(0);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) d[i * n + j] += (q[i * n + j] + q[j * n + i]) / 2;
  }

  static void recorded(const Recorded& c) {
    const std::int64_t n = c.shape()[0];
    const Var l = c.output();
    const Var p = matmul(l, c.gradient(), Transpose::yes, Transpose::no) *
                  triangle_mask(l.tape(), n, c.dtype(), Triangle::lower, 0.5);
    const Var s = triangular_solve(l, transpose(triangular_solve(l, p, Triangle::lower, true)),
                                   Triangle::lower, true);
    c.add(0, (s + transpose(s)) * 0.5);
  }
};

// op(t) x = b            u = op(t)⁻ᵀ g: db += u, dt -= u xᵀ (or x uᵀ) in the triangle
struct TriangularSolve {
  struct Attributes {
    Triangle triangle;
    bool transposed;
  };
  static constexpr const char* name = "triangular_solve";

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const std::int64_t n = c.shape()[0], k = c.shape().rank() == 2 ? c.shape()[1] : 1;
    const T* t = c.input<T>(0);
    for (std::int64_t i = 0; i < n; ++i)
      if (t[i * n + i] == T{0})
        throw DataError("triangular_solve: " + to_string(c.input_shape(0)) + ": element " +
                        std::to_string(i) + " of the diagonal is 0");
    std::copy_n(c.input<T>(1), n * k, c.output<T>());
    solve(t, c.output<T>(), n, k, s.triangle, s.transposed);
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const std::int64_t n = c.shape()[0], k = c.shape().rank() == 2 ? c.shape()[1] : 1;
    T* u = c.scratch<T>(n * k);
    std::copy_n(c.gradient<T>(), n * k, u);
    solve(c.input<T>(0), u, n, k, s.triangle, !s.transposed);
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1);
      for (std::int64_t i = 0; i < n * k; ++i) d[i] += u[i];
    }
    if (!c.wants(0)) return;
    T* d = c.adjoint<T>(0);
    const T* left = s.transposed ? c.output<T>() : u;
    const T* right = s.transposed ? u : c.output<T>();
    const bool lower = s.triangle == Triangle::lower;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = lower ? 0 : i; j < (lower ? i + 1 : n); ++j)
        for (std::int64_t r = 0; r < k; ++r) d[i * n + j] -= left[i * k + r] * right[j * k + r];
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    const std::int64_t n = c.shape()[0];
    const Var u = triangular_solve(c.input(0), c.gradient(), s.triangle, !s.transposed);
    if (c.wants(1)) c.add(1, u);
    if (!c.wants(0)) return;
    const Shape matrix{n, c.shape().rank() == 2 ? c.shape()[1] : 1};
    const Var left = reshape(s.transposed ? c.output() : u, matrix);
    const Var right = reshape(s.transposed ? u : c.output(), matrix);
    c.add(0, matmul(left, right, Transpose::no, Transpose::yes) *
                 (-triangle_mask(left.tape(), n, c.dtype(), s.triangle, 1)));
  }
};

}  // namespace ops

namespace {

void require_square(const char* op, const Shape& s) {
  if (s.rank() != 2 || s[0] != s[1])
    throw ShapeError(std::string(op) + ": " + to_string(s) + ": a square matrix is needed");
}

}  // namespace

Var cholesky(Var a) {
  require_square("cholesky", a.shape());
  return record<ops::Cholesky>({a}, a.shape());
}

Var triangular_solve(Var t, Var b, Triangle triangle, bool transposed) {
  const Shape &st = t.shape(), &sb = b.shape();
  require_square("triangular_solve", st);
  if (sb.rank() < 1 || sb.rank() > 2 || sb[0] != st[0])
    throw ShapeError("triangular_solve: " + to_string(st) + " and " + to_string(sb) +
                     ": the right side must be [" + std::to_string(st[0]) + "] or [" +
                     std::to_string(st[0]) + ", k]");
  return record<ops::TriangularSolve>({t, b}, sb, {triangle, transposed});
}

Var logdet(Var a) {
  require_square("logdet", a.shape());
  std::vector<std::int32_t> diagonal(static_cast<std::size_t>(a.shape()[0]));
  std::iota(diagonal.begin(), diagonal.end(), 0);
  return sum(log(pick(cholesky(a), Indices(std::move(diagonal))))) * 2.0;
}

}  // namespace metatape
