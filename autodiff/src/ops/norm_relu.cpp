// norm_relu.cpp: batch normalisation, ReLU and max-pooling in one, with its pass back and the pass
// back of that: fewer passes over x, and nothing kept of what lies between.
#include <algorithm>
#include <string>

#include "kernels/norm_pool.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "normalization_parts.hpp"
#include "record_by_parts.hpp"

namespace metatape {

namespace ops {

// Windows of side x side; x [n, h, w, channels], or where side is 1 any x, in blocks of rows.
struct NormWindows {
  double epsilon;
  std::int64_t n, h, w, side;
};

namespace {

// Calls f(piece, its number, start in x, start in y) for each image or block of rows.
template <class Context, class F>
std::int64_t for_pieces(const Context& c, const NormWindows& s, const F& f) {
  const RowBlocks rows = columns(c.input_shape(0));
  const std::int64_t count = s.side == 1 ? rows.count() : s.n;
  run_blocks(c, count, [&](std::int64_t i, int) {
    if (s.side == 1) {
      const std::int64_t first = i * rows.each(), at = first * rows.channels;
      f(kernel::NormPool{std::min(rows.each(), rows.rows - first), 1, rows.channels, 1}, i, at, at);
    } else {
      const kernel::NormPool image{s.h, s.w, rows.channels, s.side};
      f(image, i, i * s.h * s.w * rows.channels, i * image.oh() * image.ow() * rows.channels);
    }
  });
  return count;
}

// Both of what follows read x, gamma and beta as inputs 0, 1 and 2. Of x's columns: mean, r, gamma
// r.
template <Scalar T>
struct Columns {
  std::int64_t n;
  const T *mean, *r;
  T* scale;
};

template <Scalar T, class Context>
Columns<T> scaled_columns(const Context& c, const T* mean_and_r) {
  const std::int64_t n = c.input_shape(0)[-1];
  const T *gamma = c.template input<T>(1), *r = mean_and_r + n;
  T* scale = c.template scratch<T>(n);
  for (std::int64_t j = 0; j < n; ++j) scale[j] = gamma[j] * r[j];
  return {n, mean_and_r, r, scale};
}

// With e the cotangent of the normalised x that g comes to: sum = Σ e, product = Σ e (x - mean).
template <Scalar T, class Context>
void norm_relu_products(const Context& c, const NormWindows& s, const Columns<T>& k, const T* g,
                        T* sum, T* product) {
  const T *x = c.template input<T>(0), *beta = c.template input<T>(2);
  T* parts = c.template scratch<T>(2 * k.n * std::max(columns(c.input_shape(0)).count(), s.n));
  const std::int64_t count = for_pieces(
      c, s, [&](const kernel::NormPool& p, std::int64_t i, std::int64_t in, std::int64_t out) {
        kernel::norm_pool_products(p, g + out, x + in, k.mean, k.scale, beta, parts + 2 * k.n * i,
                                   parts + 2 * k.n * i + k.n);
      });
  add_parts(count, k.n, parts, sum, product);
}

// d (add ? += : =) of_e e + of_x (x - mean) + constant
template <Scalar T, class Context>
void norm_relu_combine(const Context& c, const NormWindows& s, const Columns<T>& k, const T* g,
                       const T* of_e, const T* of_x, const T* constant, T* d, bool add) {
  const T *x = c.template input<T>(0), *beta = c.template input<T>(2);
  for_pieces(c, s, [&](const kernel::NormPool& p, std::int64_t, std::int64_t in, std::int64_t out) {
    kernel::norm_pool_combine(p, g + out, x + in, k.mean, k.scale, beta, of_e, of_x, constant,
                              d + in, add);
  });
}

}  // namespace

// [dx, dgamma, dbeta] of BatchNormRelu at the cotangent g, one after the other; inputs x, gamma,
// beta, g. With e as above, n elements a column, S = Σ e and P = Σ e (x - mean), both kept:
//   dx = gamma r (e - S / n - r² P (x - mean) / n), dgamma = r P, dbeta = S
// With u, a, b the cotangents of these, U = Σ u, Q = Σ u (x - mean), C = Σ u e:
//   dg += at the pixel that e came to: gamma r (u - U / n - r² Q (x - mean) / n) + a r (x - mean) +
//         b
//   dgamma += r K, K = C - S U / n - r² P Q / n
//   dx += r (a - gamma r² Q / n) e - gamma r³ P / n u - r H / n
//         - r³ (gamma K + a P - 2 gamma r² P Q / n) / n (x - mean),
//   H = a S - gamma r² (U P + S Q) / n
// Which pixel is the largest, and whether it is above zero, is constant.
struct BatchNormReluGradient {
  struct Attributes {
    NormWindows windows;
    const void* mean_and_r;  // which BatchNormRelu keeps, and the tape with it
  };
  static constexpr const char* name = "batch_norm_relu_gradient";
  static std::int64_t kept(const Forward& c) { return 2 * c.input_shape(0)[-1]; }

  template <class T, class Context>
  static Columns<T> columns_of(const Context& c) {
    return scaled_columns(c, static_cast<const T*>(c.template attributes<Attributes>().mean_and_r));
  }

  template <Scalar T>
  static void forward(const Forward& c) {
    const NormWindows& w = c.attributes<Attributes>().windows;
    const Columns<T> k = columns_of<T>(c);
    const T* g = c.input<T>(3);
    T *dx = c.output<T>(), *dgamma = dx + c.input_size(0), *dbeta = dgamma + k.n;
    T *sum = c.kept<T>(), *product = sum + k.n;
    norm_relu_products(c, w, k, g, sum, product);
    T *constant = c.scratch<T>(k.n), *of_x = c.scratch<T>(k.n);
    for (std::int64_t j = 0; j < k.n; ++j) {
      dgamma[j] = k.r[j] * product[j];
      dbeta[j] = constant[j] = sum[j];
      of_x[j] = product[j];
    }
    of_centred(columns(c.input_shape(0)), k.scale, k.r, constant, of_x);
    norm_relu_combine<T>(c, w, k, g, k.scale, of_x, constant, dx, false);
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const NormWindows& w = c.attributes<Attributes>().windows;
    const RowBlocks s = columns(c.input_shape(0));
    const Columns<T> k = columns_of<T>(c);
    const std::int64_t n = k.n;
    const T *x = c.input<T>(0), *gamma = c.input<T>(1), *beta = c.input<T>(2), *g = c.input<T>(3);
    const T *u = c.gradient<T>(), *a = u + c.input_size(0), *b = a + n;
    const T *sum = c.kept<T>(), *product = sum + n, share = T{1} / static_cast<T>(s.rows);
    T *sum_u = c.scratch<T>(n), *product_u = c.scratch<T>(n);
    column_products(c, s, u, x, k.mean, sum_u, product_u);
    if (c.wants(3)) {
      T *of_x = c.scratch<T>(n), *constant = c.scratch<T>(n);
      for (std::int64_t j = 0; j < n; ++j) {
        const T r = k.r[j];
        of_x[j] = a[j] * r - k.scale[j] * r * r * product_u[j] * share;
        constant[j] = b[j] - k.scale[j] * sum_u[j] * share;
      }
      bool fresh = false;
      T* d = c.adjoint<T>(3, fresh);
      for_pieces(c, w,
                 [&](const kernel::NormPool& p, std::int64_t, std::int64_t in, std::int64_t out) {
                   kernel::norm_pool_gather(p, x + in, u + in, k.mean, k.scale, beta, k.scale, of_x,
                                            constant, d + out, !fresh);
                 });
    }
    if (!c.wants(0) && !c.wants(1)) return;
    T* change = c.scratch<T>(n);  // K
    norm_relu_cross(c, w, k, u, change);
    for (std::int64_t j = 0; j < n; ++j)
      change[j] -= (sum[j] * sum_u[j] + k.r[j] * k.r[j] * product[j] * product_u[j]) * share;
    if (c.wants(1)) {
      T* d = c.adjoint<T>(1);
      for (std::int64_t j = 0; j < n; ++j) d[j] += k.r[j] * change[j];
    }
    if (!c.wants(0)) return;
    T *of_u = c.scratch<T>(n), *of_e = c.scratch<T>(n), *of_x = c.scratch<T>(n);
    T *constant = c.scratch<T>(n), *zero = c.scratch<T>(n);
    for (std::int64_t j = 0; j < n; ++j) {
      const T r = k.r[j], of_product = gamma[j] * r * r * share;  // gamma r² / n
      of_u[j] = -of_product * r * product[j];
      of_e[j] = r * (a[j] - of_product * product_u[j]);
      of_x[j] =
          -r * r * r * share *
          (gamma[j] * change[j] + a[j] * product[j] - 2 * of_product * product[j] * product_u[j]);
      constant[j] = -r * share *
                    (a[j] * sum[j] - of_product * (sum_u[j] * product[j] + sum[j] * product_u[j]));
      zero[j] = T{0};
    }
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    combine_columns(c, s, u, x, k.mean, of_u, of_x, constant, d, !fresh);
    norm_relu_combine<T>(c, w, k, g, of_e, zero, zero, d, true);
  }

  // cross = Σ u e
  template <Scalar T>
  static void norm_relu_cross(const Pullback& c, const NormWindows& w, const Columns<T>& k,
                              const T* u, T* cross) {
    const T *x = c.input<T>(0), *beta = c.input<T>(2), *g = c.input<T>(3);
    T* parts = c.scratch<T>(k.n * std::max(columns(c.input_shape(0)).count(), w.n));
    const std::int64_t count = for_pieces(
        c, w, [&](const kernel::NormPool& p, std::int64_t i, std::int64_t in, std::int64_t out) {
          kernel::norm_pool_cross(p, g + out, x + in, u + in, k.mean, k.scale, beta,
                                  parts + k.n * i);
        });
    std::fill_n(cross, k.n, T{0});
    add_column_sums(parts, count, k.n, cross);
  }

  static void recorded(const Recorded& c) {
    const NormWindows& w = c.attributes<Attributes>().windows;
    record_by_parts(c, [&](std::span<const Var> in) {
      // e, by way of a leaf: what masks depend on has no part in the derivative.
      const Var leaf = in[0].tape().variable(batch_norm(in[0], in[1], in[2], w.epsilon).value());
      const Var y = w.side == 1 ? relu(leaf) : max_pool2d(relu(leaf));
      const Var e = recorded_vector_jacobian(y, {&leaf, 1}, in[3]).front();
      const NormGradients d = batch_norm_gradients(in[0], in[1], e, w.epsilon);
      return concat({flatten(d.x), d.gamma, d.beta});
    });
  }
};

// y = max over windows of relu(batch norm of x). Keeps mean and r as BatchNorm does and goes back
// as it does, from the cotangent of the normalised x, which is worked out again where it is needed.
struct BatchNormRelu {
  using Attributes = NormWindows;
  static constexpr const char* name = "batch_norm_relu";
  static std::int64_t kept(const Forward& c) { return 2 * c.shape()[-1]; }

  template <Scalar T>
  static void forward(const Forward& c) {
    const RowBlocks s = columns(c.input_shape(0));
    const T *x = c.input<T>(0), *beta = c.input<T>(2);
    T *mean = c.kept<T>(), *r = mean + s.channels;
    column_moments(c, s, mean, r);
    for (std::int64_t j = 0; j < s.channels; ++j)
      r[j] = rsqrt_of(r[j], c.attributes<NormWindows>().epsilon);
    const Columns<T> k = scaled_columns<T>(c, mean);
    for_pieces(c, c.attributes<NormWindows>(),
               [&](const kernel::NormPool& p, std::int64_t, std::int64_t in, std::int64_t out) {
                 kernel::norm_pool(p, x + in, mean, k.scale, beta, c.output<T>() + out);
               });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const NormWindows& w = c.attributes<NormWindows>();
    const Columns<T> k = scaled_columns(c, c.kept<T>());
    const T* g = c.gradient<T>();
    T *sum = c.scratch<T>(k.n), *product = c.scratch<T>(k.n);
    norm_relu_products(c, w, k, g, sum, product);
    add_to_scale_and_shift(c, k.n, k.r, sum, product);
    if (!c.wants(0)) return;
    of_centred(columns(c.input_shape(0)), k.scale, k.r, sum, product);
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    norm_relu_combine<T>(c, w, k, g, k.scale, product, sum, d, !fresh);
  }
  static void recorded(const Recorded& c) {
    const Shape& x = c.input_shape(0);
    const std::int64_t size = x.size(), n = x[-1];
    const Var d = record<BatchNormReluGradient>({c.input(0), c.input(1), c.input(2), c.gradient()},
                                                Shape{size + 2 * n},
                                                {c.attributes<NormWindows>(), c.kept<void>()});
    if (c.wants(0)) c.add(0, view_range(d, 0, x));
    if (c.wants(1)) c.add(1, view_range(d, size, Shape{n}));
    if (c.wants(2)) c.add(2, view_range(d, size + n, Shape{n}));
  }
};

}  // namespace ops

Var batch_norm_relu(Var x, Var gamma, Var beta, double epsilon) {
  const Shape& s = x.shape();
  ops::require_normalised("batch_norm_relu", s, gamma.shape(), beta.shape());
  return record<ops::BatchNormRelu>({x, gamma, beta}, s, {epsilon, 1, 1, 1, 1});
}

Var batch_norm_relu_pool(Var x, Var gamma, Var beta, double epsilon) {
  const Shape& s = x.shape();
  ops::require_normalised("batch_norm_relu_pool", s, gamma.shape(), beta.shape());
  if (s.rank() != 4 || s[1] < 2 || s[2] < 2)
    throw ShapeError("batch_norm_relu_pool: " + to_string(s) +
                     ": images [n, height, width, channels] of at least 2 x 2 are expected");
  return record<ops::BatchNormRelu>({x, gamma, beta}, Shape{s[0], s[1] / 2, s[2] / 2, s[3]},
                                    {epsilon, s[0], s[1], s[2], 2});
}

}  // namespace metatape
