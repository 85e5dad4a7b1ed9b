// principal_components.cpp: products with the rows in float32 by BLAS, all small algebra in double.
#include "metatape/metalearn/fewshot/principal_components.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "../algebra/small_algebra.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::metalearn {

namespace {

using detail::combined;
using detail::dot;
using Columns = detail::Vectors;

Tensor packed(const Columns& columns) {
  const auto m = std::ssize(columns), n = std::ssize(columns[0]);
  Tensor out = Tensor::uninitialised({n, m});
  const std::span<float> to = out.mutable_values<float>();
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < columns[c].size(); ++i)
      to[i * columns.size() + c] = static_cast<float>(columns[c][i]);
  return out;
}

Columns unpacked(const Tensor& t) {
  const auto n = static_cast<std::size_t>(t.shape()[0]), m = static_cast<std::size_t>(t.shape()[1]);
  const std::span<const float> from = t.values<float>();
  Columns columns(m, std::vector<double>(n));
  for (std::size_t c = 0; c < m; ++c)
    for (std::size_t i = 0; i < n; ++i) columns[c][i] = from[i * m + c];
  return columns;
}

}  // namespace

PrincipalComponents principal_components(const Tensor& rows, int k) {
  if (rows.shape().rank() != 2 || rows.size() == 0 || k < 1 || k > 16)
    throw ShapeError(
        fmt::format("principal_components: rows {}, k {}: [n, d] of at least one number and 1 to "
                    "16 are expected",
                    to_string(rows.shape()), k));
  const std::int64_t n = rows.shape()[0], d = rows.shape()[1];
  Tape tape(Recording::off);
  const Var given = tape.constant(rows);
  const Tensor x = (given - mean(given, {0}, Keep::yes)).value();
  double variance = 0;
  for (const float v : x.values<float>()) variance += double{v} * double{v};

  // A few columns more than asked for: convergence goes by the first eigenvalue left out.
  const std::int64_t m = std::min<std::int64_t>(k + 8, std::min(n, d));
  const auto asked = static_cast<std::size_t>(k);
  Columns directions = unpacked(normal({d, m}, Key(0).split("principal components")));
  detail::Eigen ritz;
  Columns along;  // the rows' coordinates on the directions
  for (int iteration = 0; iteration < 200; ++iteration) {
    const Tape::Scope scope(tape);
    detail::orthonormalise(directions);
    const Var all = tape.constant(x);
    along = unpacked(matmul(all, tape.constant(packed(directions))).value());
    Columns small(along.size(), std::vector<double>(along.size()));
    for (std::size_t i = 0; i < along.size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) small[i][j] = small[j][i] = dot(along[i], along[j]);
    const std::vector<double> before = ritz.values;
    ritz = detail::symmetric_eigen(std::move(small));
    directions = combined(directions, ritz.vectors);
    along = combined(along, ritz.vectors);
    double change = before.empty() ? 1 : 0;
    for (std::size_t j = 0; j < std::min(asked, before.size()); ++j)
      change = std::max(change, std::abs(ritz.values[j] - before[j]));
    if (iteration > 0 && change <= 1e-7 * ritz.values[0]) break;
    directions =
        unpacked(matmul(all, tape.constant(packed(along)), Transpose::yes, Transpose::no).value());
  }

  PrincipalComponents found;
  Columns points;
  for (std::size_t j = 0; j < asked; ++j) {
    const bool there = j < along.size() && variance > 0;
    points.push_back(there ? along[j] : std::vector<double>(static_cast<std::size_t>(n)));
    found.shares.push_back(there ? std::max(0.0, ritz.values[j]) / variance : 0);
    if (!there) continue;
    const std::vector<double>& v = directions[j];
    const auto largest = std::ranges::max_element(v, {}, [](double e) { return std::abs(e); });
    if (*largest < 0)
      for (double& p : points.back()) p = -p;
  }
  found.points = packed(points);
  return found;
}

}  // namespace metatape::metalearn
