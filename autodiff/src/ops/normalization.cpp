// normalization.cpp: batch and layer normalisation.
// Batch normalisation by its own statistics is one op whose pullback goes through the statistics in
// two passes; with statistics given it is another. Recorded pullbacks are formulas over Vars.
#include "metatape/autodiff/ops/normalization.hpp"

#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "normalization_parts.hpp"

namespace metatape {

namespace ops {

struct Epsilon {
  double epsilon;
};

// y = [mean; variance] of each channel            dx += g_mean / n + 2 g_variance (x - mean) / n
struct BatchMoments {
  static constexpr const char* name = "batch_statistics";

  template <Scalar T>
  static void forward(const Forward& c) {
    const RowBlocks s = columns(c.input_shape(0));
    column_moments(c, s, c.output<T>(), c.output<T>() + s.channels);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const RowBlocks s = columns(c.input_shape(0));
    const T *x = c.input<T>(0), *g = c.gradient<T>();
    const T share = T{1} / static_cast<T>(s.rows);
    T *of_x = c.scratch<T>(s.channels), *constant = c.scratch<T>(s.channels);
    for (std::int64_t j = 0; j < s.channels; ++j) {
      constant[j] = g[j] * share;
      of_x[j] = 2 * g[s.channels + j] * share;
    }
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    combine_columns<T>(c, s, nullptr, x, c.output<T>(), nullptr, of_x, constant, d, !fresh);
  }
  static void recorded(const Recorded& c) {
    const Shape m = matrix(c.input_shape(0));
    const double share = 1.0 / static_cast<double>(m[0]);
    const Var g = c.gradient(), centred = reshape(c.input(0), m) - row(c.output(), 0);
    const Var d = centred * (row(g, 1) * (2 * share)) + row(g, 0) * share;
    c.add(0, reshape(d, c.input_shape(0)));
  }
};

NormGradients batch_norm_gradients(Var images, Var gamma, Var cotangent, double epsilon) {
  const Shape m = matrix(images.shape());
  const double share = 1.0 / static_cast<double>(m[0]);
  const Var x = reshape(images, m), g = reshape(cotangent, m);
  const BatchStatistics b = batch_statistics(x);
  const Var r = rsqrt(b.variance + epsilon);
  const Var normal = (x - b.mean) * r;
  const Var of_g = sum(g, 0), of_product = sum(g * normal, 0);
  const Var d = (g - of_g * share - normal * (of_product * share)) * (r * gamma);
  return {reshape(d, images.shape()), of_product, of_g};
}

// y = gamma x̂ + beta, x̂ = (x - mean) r, r = 1 / √(variance + ε)
//   dbeta += Σ g, dgamma += Σ g x̂, dx += gamma r (g - Σ g / n - x̂ Σ g x̂ / n); keeps mean and r
struct BatchNorm {
  using Attributes = Epsilon;
  static constexpr const char* name = "batch_norm";
  static std::int64_t kept(const Forward& c) { return 2 * c.shape()[-1]; }

  template <Scalar T>
  static void forward(const Forward& c) {
    const RowBlocks s = columns(c.shape());
    const T* gamma = c.input<T>(1);
    T *mean = c.kept<T>(), *r = mean + s.channels, *scale = c.scratch<T>(s.channels);
    column_moments(c, s, mean, r);
    for (std::int64_t j = 0; j < s.channels; ++j) {
      r[j] = rsqrt_of(r[j], c.attributes<Epsilon>().epsilon);
      scale[j] = gamma[j] * r[j];
    }
    normalise(c, s, c.input<T>(0), mean, scale, c.input<T>(2), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const RowBlocks s = columns(c.shape());
    const std::int64_t n = s.channels;
    const T *x = c.input<T>(0), *gamma = c.input<T>(1), *g = c.gradient<T>();
    const T *mean = c.kept<T>(), *r = mean + n;
    T *sum = c.scratch<T>(n), *product = c.scratch<T>(n);
    column_products(c, s, g, x, mean, sum, product);
    add_to_scale_and_shift(c, n, r, sum, product);
    if (!c.wants(0)) return;
    T* of_g = c.scratch<T>(n);
    for (std::int64_t j = 0; j < n; ++j) of_g[j] = gamma[j] * r[j];
    of_centred(s, of_g, r, sum, product);
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    combine_columns(c, s, g, x, mean, of_g, product, sum, d, !fresh);
  }
  static void recorded(const Recorded& c) {
    const NormGradients d =
        batch_norm_gradients(c.input(0), c.input(1), c.gradient(), c.attributes<Epsilon>().epsilon);
    if (c.wants(0)) c.add(0, d.x);
    if (c.wants(1)) c.add(1, d.gamma);
    if (c.wants(2)) c.add(2, d.beta);
  }
};

// The same with mean and variance as inputs 3 and 4:
//   dx += gamma r g, dmean -= gamma r Σ g, dvariance -= gamma r² Σ g x̂ / 2
struct BatchNormGiven {
  using Attributes = Epsilon;
  static constexpr const char* name = "batch_norm_given";

  template <Scalar T>
  static void forward(const Forward& c) {
    const RowBlocks s = columns(c.shape());
    T* scale = c.scratch<T>(s.channels);
    for (std::int64_t j = 0; j < s.channels; ++j)
      scale[j] = c.input<T>(1)[j] * rsqrt_of(c.input<T>(4)[j], c.attributes<Epsilon>().epsilon);
    normalise(c, s, c.input<T>(0), c.input<T>(3), scale, c.input<T>(2), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const RowBlocks s = columns(c.shape());
    const std::int64_t n = s.channels;
    const T *x = c.input<T>(0), *gamma = c.input<T>(1), *g = c.gradient<T>(), *mean = c.input<T>(3);
    T* r = c.scratch<T>(n);
    for (std::int64_t j = 0; j < n; ++j)
      r[j] = rsqrt_of(c.input<T>(4)[j], c.attributes<Epsilon>().epsilon);
    if (c.wants(0)) {
      T *of_g = c.scratch<T>(n), *zero = c.scratch<T>(n);
      for (std::int64_t j = 0; j < n; ++j) of_g[j] = gamma[j] * r[j];
      std::fill_n(zero, n, T{0});
      bool fresh = false;
      T* d = c.adjoint<T>(0, fresh);
      combine_columns(c, s, g, x, mean, of_g, zero, zero, d, !fresh);
    }
    if (!c.wants(1) && !c.wants(2) && !c.wants(3) && !c.wants(4)) return;
    T *sum = c.scratch<T>(n), *product = c.scratch<T>(n);
    column_products(c, s, g, x, mean, sum, product);
    const auto add = [&](int input, const auto& term) {
      if (!c.wants(input)) return;
      T* d = c.adjoint<T>(input);
      for (std::int64_t j = 0; j < n; ++j) d[j] += term(j);
    };
    add(1, [&](std::int64_t j) { return product[j] * r[j]; });
    add(2, [&](std::int64_t j) { return sum[j]; });
    add(3, [&](std::int64_t j) { return -gamma[j] * r[j] * sum[j]; });
    add(4, [&](std::int64_t j) { return -gamma[j] * r[j] * r[j] * r[j] * product[j] / 2; });
  }
  static void recorded(const Recorded& c) {
    const Shape m = matrix(c.shape());
    const Var x = reshape(c.input(0), m), g = reshape(c.gradient(), m);
    const Var r = rsqrt(c.input(4) + c.attributes<Epsilon>().epsilon);
    const Var scale = c.input(1) * r;
    if (c.wants(0)) c.add(0, reshape(g * scale, c.input_shape(0)));
    const Var of_g = sum(g, 0), of_product = sum(g * ((x - c.input(3)) * r), 0);
    if (c.wants(1)) c.add(1, of_product);
    if (c.wants(2)) c.add(2, of_g);
    if (c.wants(3)) c.add(3, -(scale * of_g));
    if (c.wants(4)) c.add(4, scale * r * of_product * -0.5);
  }
};

// Each row by itself: y = gamma x̂ + beta. With q = gamma g:
//   dx += r (q - mean(q) - x̂ mean(q x̂)), dgamma += Σ g x̂, dbeta += Σ g; keeps mean and r of rows
struct LayerNorm {
  using Attributes = Epsilon;
  static constexpr const char* name = "layer_norm";
  static std::int64_t kept(const Forward& c) { return 2 * (c.size() / c.shape()[-1]); }

  template <Scalar T>
  static void forward(const Forward& c) {
    const RowBlocks s = columns(c.shape());
    const std::int64_t n = s.channels;
    const T *gamma = c.input<T>(1), *beta = c.input<T>(2);
    T* kept = c.kept<T>();
    run_blocks(c, s.count(), [&](std::int64_t b, int) {
      for (std::int64_t i = b * s.each(); i < std::min((b + 1) * s.each(), s.rows); ++i) {
        const T* x = c.input<T>(0) + i * n;
        T* y = c.output<T>() + i * n;
        T mean{0}, square{0};
        for (std::int64_t j = 0; j < n; ++j) mean += x[j];
        mean /= static_cast<T>(n);
        for (std::int64_t j = 0; j < n; ++j) square += (x[j] - mean) * (x[j] - mean);
        const T r = rsqrt_of(square / static_cast<T>(n), c.attributes<Epsilon>().epsilon);
        for (std::int64_t j = 0; j < n; ++j) y[j] = (x[j] - mean) * r * gamma[j] + beta[j];
        kept[2 * i] = mean;
        kept[2 * i + 1] = r;
      }
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    const RowBlocks s = columns(c.shape());
    const std::int64_t n = s.channels, blocks = s.count();
    const T *gamma = c.input<T>(1), *kept = c.kept<T>();
    bool fresh = false;
    T* const dx = c.wants(0) ? c.adjoint<T>(0, fresh) : nullptr;
    T* parts = c.scratch<T>(blocks * 2 * n);  // Σ g x̂ and Σ g of each block
    run_blocks(c, blocks, [&](std::int64_t b, int) {
      T *of_product = parts + b * 2 * n, *of_g = of_product + n;
      std::fill_n(of_product, 2 * n, T{0});
      for (std::int64_t i = b * s.each(); i < std::min((b + 1) * s.each(), s.rows); ++i) {
        const T *x = c.input<T>(0) + i * n, *g = c.gradient<T>() + i * n;
        const T mean = kept[2 * i], r = kept[2 * i + 1];
        T q{0}, qx{0};
        for (std::int64_t j = 0; j < n; ++j) {
          const T normal = (x[j] - mean) * r;
          q += g[j] * gamma[j];
          qx += g[j] * gamma[j] * normal;
          of_product[j] += g[j] * normal;
          of_g[j] += g[j];
        }
        if (!dx) continue;
        q /= static_cast<T>(n);
        qx /= static_cast<T>(n);
        for (std::int64_t j = 0; j < n; ++j) {
          const T value = r * (g[j] * gamma[j] - q - (x[j] - mean) * r * qx);
          dx[i * n + j] = fresh ? value : dx[i * n + j] + value;
        }
      }
    });
    for (int input = 1; input <= 2; ++input)
      if (c.wants(input)) {
        T* d = c.adjoint<T>(input);
        for (std::int64_t b = 0; b < blocks; ++b)
          for (std::int64_t j = 0; j < n; ++j) d[j] += parts[(b * 2 + input - 1) * n + j];
      }
  }
  static void recorded(const Recorded& c) {
    const Shape m = matrix(c.shape());
    const Var x = reshape(c.input(0), m), g = reshape(c.gradient(), m);
    const Var centred = x - mean(x, 1, Keep::yes);
    const Var r = rsqrt(mean(square(centred), 1, Keep::yes) + c.attributes<Epsilon>().epsilon);
    const Var normal = centred * r;
    if (c.wants(1)) c.add(1, sum(g * normal, 0));
    if (c.wants(2)) c.add(2, sum(g, 0));
    if (!c.wants(0)) return;
    const Var q = g * c.input(1);
    const Var d = (q - mean(q, 1, Keep::yes) - normal * mean(q * normal, 1, Keep::yes)) * r;
    c.add(0, reshape(d, c.input_shape(0)));
  }
};

namespace {

void require_channels(const char* op, const Shape& x) {
  if (x.rank() == 0) throw ShapeError(std::string(op) + ": []: a scalar has no channels");
}

void require_each_channel(const char* op, const Shape& x, const char* what, const Shape& given) {
  if (!(given == Shape{x[-1]}))
    throw ShapeError(std::string(op) + ": x " + to_string(x) + ", " + what + " " +
                     to_string(given) + ": [" + std::to_string(x[-1]) + "] is expected");
}

void require_rows(const char* op, const Shape& x) {
  if (x.product(0, x.rank() - 1) == 0)
    throw ShapeError(std::string(op) + ": " + to_string(x) + ": a channel has no elements");
}

}  // namespace

void require_normalised(const char* op, const Shape& x, const Shape& gamma, const Shape& beta) {
  require_channels(op, x);
  require_each_channel(op, x, "gamma", gamma);
  require_each_channel(op, x, "beta", beta);
  require_rows(op, x);
}

}  // namespace ops

BatchStatistics batch_statistics(Var x) {
  const Shape& s = x.shape();
  ops::require_channels("batch_statistics", s);
  ops::require_rows("batch_statistics", s);
  const Var both = record<ops::BatchMoments>({x}, Shape{2, s[-1]});
  return {row(both, 0), row(both, 1)};
}

Var batch_norm(Var x, Var gamma, Var beta, double epsilon) {
  const Shape& s = x.shape();
  ops::require_normalised("batch_norm", s, gamma.shape(), beta.shape());
  return record<ops::BatchNorm>({x, gamma, beta}, s, {epsilon});
}

Var batch_norm(Var x, Var gamma, Var beta, const BatchStatistics& statistics, double epsilon) {
  const Shape& s = x.shape();
  ops::require_channels("batch_norm", s);
  ops::require_each_channel("batch_norm", s, "gamma", gamma.shape());
  ops::require_each_channel("batch_norm", s, "beta", beta.shape());
  ops::require_each_channel("batch_norm", s, "mean", statistics.mean.shape());
  ops::require_each_channel("batch_norm", s, "variance", statistics.variance.shape());
  return record<ops::BatchNormGiven>({x, gamma, beta, statistics.mean, statistics.variance}, s,
                                     {epsilon});
}

Var layer_norm(Var x, Var gamma, Var beta, double epsilon) {
  const Shape& s = x.shape();
  ops::require_channels("layer_norm", s);
  if (s[-1] == 0) throw ShapeError("layer_norm: " + to_string(s) + ": a row has no elements");
  ops::require_each_channel("layer_norm", s, "gamma", gamma.shape());
  ops::require_each_channel("layer_norm", s, "beta", beta.shape());
  return record<ops::LayerNorm>({x, gamma, beta}, s, {epsilon});
}

}  // namespace metatape