#include "metatape/nn/init.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace metatape::nn {

namespace {

Tensor scaled(Tensor t, double factor) {
  visit(t.dtype(), [&]<class T>(T) {
    for (T& v : t.mutable_values<T>()) v = static_cast<T>(factor * static_cast<double>(v));
  });
  return t;
}

Tensor within(const Shape& weight, Key key, double bound, DType dtype) {
  return uniform(weight, key, -bound, bound, dtype);
}

}  // namespace

Fans fans(const Shape& weight) {
  if (weight.rank() == 0) return {};
  if (weight.rank() == 1) return {weight[0], weight[0]};
  return {weight.product(1, weight.rank()), weight[0] * weight.product(2, weight.rank())};
}

Tensor glorot_uniform(const Shape& weight, Key key, DType dtype) {
  const Fans f = fans(weight);
  return within(weight, key, std::sqrt(6.0 / static_cast<double>(f.in + f.out)), dtype);
}

Tensor glorot_normal(const Shape& weight, Key key, DType dtype) {
  const Fans f = fans(weight);
  return scaled(normal(weight, key, dtype), std::sqrt(2.0 / static_cast<double>(f.in + f.out)));
}

Tensor he_uniform(const Shape& weight, Key key, DType dtype) {
  return within(weight, key, std::sqrt(6.0 / static_cast<double>(fans(weight).in)), dtype);
}

Tensor he_normal(const Shape& weight, Key key, DType dtype) {
  return scaled(normal(weight, key, dtype), std::sqrt(2.0 / static_cast<double>(fans(weight).in)));
}

Tensor fan_in_uniform(const Shape& weight, Key key, DType dtype) {
  return within(weight, key, 1 / std::sqrt(static_cast<double>(fans(weight).in)), dtype);
}

// Gram-Schmidt, each vector taken twice against those before it: as good as Householder at the
// sizes of weights, and R's diagonal is positive by construction.
Tensor orthogonal(const Shape& weight, Key key, double gain, DType dtype) {
  const std::int64_t rows = weight.rank() > 0 ? weight[0] : 1;
  const std::int64_t columns = rows > 0 ? weight.size() / rows : 0;
  const bool turned = rows > columns;
  const auto n = static_cast<std::size_t>(std::min(rows, columns));
  const auto m = static_cast<std::size_t>(std::max(rows, columns));
  Random random(key);
  std::vector<std::vector<double>> q(n, std::vector<double>(m));
  for (std::size_t i = 0; i < n; ++i) {
    for (double& v : q[i]) v = random.normal();
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < i; ++j) {
        double along = 0;
        for (std::size_t k = 0; k < m; ++k) along += q[i][k] * q[j][k];
        for (std::size_t k = 0; k < m; ++k) q[i][k] -= along * q[j][k];
      }
    double square = 0;
    for (const double v : q[i]) square += v * v;
    for (double& v : q[i]) v /= std::sqrt(square);
  }
  Tensor t = Tensor::uninitialised(weight, dtype);
  visit(dtype, [&]<class T>(T) {
    const auto to = t.mutable_values<T>();
    const auto width = static_cast<std::size_t>(columns);
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i] = static_cast<T>(gain * (turned ? q[i % width][i / width] : q[i / width][i % width]));
  });
  return t;
}

Tensor truncated_normal(const Shape& weight, Key key, double deviation, DType dtype) {
  Random random(key);
  Tensor t = Tensor::uninitialised(weight, dtype);
  visit(dtype, [&]<class T>(T) {
    for (T& v : t.mutable_values<T>()) {
      double draw = random.normal();
      while (std::abs(draw) > 2) draw = random.normal();
      v = static_cast<T>(deviation * draw);
    }
  });
  return t;
}

}  // namespace metatape::nn
