#include "flat.hpp"

#include <algorithm>

namespace metatape::metalearn::detail {

void add_scaled(Tensor& to, double a, const Tensor& x) {
  visit(to.dtype(), [&]<class T>(T) {
    const std::span<T> y = to.mutable_values<T>();
    const std::span<const T> from = x.values<T>();
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += static_cast<T>(a) * from[i];
  });
}

Tensor plus(const Tensor& x, double a, const Tensor& y) {
  Tensor sum = x;
  add_scaled(sum, a, y);
  return sum;
}

double dot(const Tensor& x, const Tensor& y) {
  return visit(x.dtype(), [&]<class T>(T) {
    double sum = 0;
    const std::span<const T> a = x.values<T>(), b = y.values<T>();
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  });
}

bool finite(const Tensor& x) {
  return visit(x.dtype(), [&]<class T>(T) {
    const std::span<const T> values = x.values<T>();
    T zeros[16] = {};  // 0 · x is 0 for a number alone
    std::size_t i = 0;
    for (; i + 16 <= values.size(); i += 16)
      for (std::size_t k = 0; k < 16; ++k) zeros[k] += values[i + k] * T{0};
    for (; i < values.size(); ++i) zeros[0] += values[i] * T{0};
    return std::ranges::all_of(zeros, [](T z) { return z == T{0}; });
  });
}

}  // namespace metatape::metalearn::detail
