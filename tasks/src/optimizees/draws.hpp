// draws.hpp: small things that the optimizees share: scaled draws, rows joined, losses side by
// side.
#pragma once

#include <algorithm>
#include <vector>

#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape::tasks {

/// f of every element, reckoned in float64.
template <class F>
Tensor mapped(Tensor t, const F& f) {
  visit(t.dtype(), [&]<class T>(T) {
    for (T& v : t.mutable_values<T>()) v = static_cast<T>(f(static_cast<double>(v)));
  });
  return t;
}

inline Tensor scaled_normal(const Shape& shape, Key key, double deviation, DType dtype) {
  return mapped(normal(shape, key, DType::f64), [&](double v) { return deviation * v; }).to(dtype);
}

/// Tensors of equal shape [1, ...] one after the other: [n, ...].
inline Tensor joined(const std::vector<Tensor>& parts) {
  const Tensor& first = parts.front();
  Tensor all = Tensor::uninitialised(first.shape().with(0, static_cast<std::int64_t>(parts.size())),
                                     first.dtype());
  visit(first.dtype(), [&]<class T>(T) {
    auto to = all.mutable_values<T>().begin();
    for (const Tensor& part : parts) to = std::ranges::copy(part.values<T>(), to).out;
  });
  return all;
}

/// Losses [functions]; of one function [].
inline Var side_by_side(Var losses, int functions) {
  return functions == 1 ? reshape(losses, Shape{}) : losses;
}

}  // namespace metatape::tasks
