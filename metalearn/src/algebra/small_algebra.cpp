#include "small_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace metatape::metalearn::detail {

namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

// y += a x
void add(Vector& y, double a, const Vector& x) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += a * x[i];
}

void scale(Vector& x, double by) {
  for (double& v : x) v *= by;
}

double norm(const Vector& x) { return std::sqrt(dot(x, x)); }

// v less its parts along the first `count` columns; what they were is added to `along`.
void project_out(Vector& v, const Vectors& columns, std::size_t count, Vector& along) {
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t i = 0; i < count; ++i) {
      const double part = dot(columns[i], v);
      add(v, -part, columns[i]);
      along[i] += part;
    }
}

// A unit vector orthogonal to the first `count` columns: of the coordinate vectors, the first that
// has enough left. The squares of what is left of all n sum to n - count.
Vector another(const Vectors& columns, std::size_t count) {
  const std::size_t n = columns.front().size();
  const double enough = 0.5 * static_cast<double>(n - count) / static_cast<double>(n);
  Vector v;
  for (std::size_t i = 0; i < n; ++i) {
    v.assign(n, 0);
    v[i] = 1;
    Vector along(count);
    project_out(v, columns, count, along);
    if (dot(v, v) >= enough) break;
  }
  scale(v, 1 / norm(v));
  return v;
}

}  // namespace

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

Vectors orthonormalise(Vectors& columns) {
  const std::size_t k = columns.size();
  Vectors r(k, Vector(k));
  for (std::size_t j = 0; j < k; ++j) {
    Vector& v = columns[j];
    const double before = norm(v);
    Vector along(j);
    project_out(v, columns, j, along);
    for (std::size_t i = 0; i < j; ++i) r[i][j] = along[i];
    const double left = norm(v);
    if (left > 8 * epsilon * before) {
      r[j][j] = left;
      scale(v, 1 / left);
    } else {
      v = another(columns, j);
    }
  }
  return r;
}

ScaledRows ScaledRows::identity(std::size_t n) {
  ScaledRows one{Vectors(n, Vector(n)), Vector(n)};
  for (std::size_t i = 0; i < n; ++i) one.rows[i][i] = 1;
  return one;
}

void ScaledRows::multiply_by(const Vectors& r) {
  const std::size_t n = rows.size();
  for (std::size_t i = 0; i < n;
       ++i) {  // row i needs the rows from i on: they are still the old ones
    double top = minus_infinity;
    for (std::size_t l = i; l < n; ++l)
      if (r[i][l] != 0) top = std::max(top, logs[l]);
    Vector sum(n);
    if (top > minus_infinity)
      for (std::size_t l = i; l < n; ++l) add(sum, r[i][l] * std::exp(logs[l] - top), rows[l]);
    double largest = 0;
    for (const double x : sum) largest = std::max(largest, std::abs(x));
    if (largest > 0) scale(sum, 1 / largest);
    rows[i] = std::move(sum);
    logs[i] = largest > 0 ? top + std::log(largest) : minus_infinity;
  }
}

// Rows a = α x and b = β y, x and y of unit length, β = ρ α <= α, x·y = g. The rotation
// a' = c (a + t b), b' = c (b - t a) makes them orthogonal for t² ρg + t (1-ρ²) - ρg = 0. With
// t = ρ q it is a' = c α (x + ρ² q y), b' = c β (y - q x): nothing in it leaves the range of
// numbers however small ρ is.
Singular singular(ScaledRows m) {
  const std::size_t n = m.rows.size();
  const auto normalise = [&](std::size_t i) {
    const double length = norm(m.rows[i]);
    if (length > 0) scale(m.rows[i], 1 / length);
    m.logs[i] = length > 0 ? m.logs[i] + std::log(length) : minus_infinity;
  };
  for (std::size_t i = 0; i < n; ++i) normalise(i);
  bool turned = true;
  for (int sweep = 0; turned && sweep < 60; ++sweep) {
    turned = false;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const auto [a, b] = m.logs[p] >= m.logs[q] ? std::pair(p, q) : std::pair(q, p);
        Vector &x = m.rows[a], &y = m.rows[b];
        const double g = dot(x, y);
        if (!(m.logs[b] > minus_infinity) || std::abs(g) <= 2 * epsilon) continue;
        turned = true;
        const double rho = std::exp(m.logs[b] - m.logs[a]), apart = 1 - rho * rho;
        const double share = 2 * g / (apart + std::hypot(apart, 2 * rho * g)), t = rho * share;
        const double c = 1 / std::sqrt(1 + t * t);
        const Vector old = x;
        add(x, t * rho, y);
        scale(x, c);
        add(y, -share, old);
        scale(y, c);
        normalise(a);
        normalise(b);
      }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return m.logs[i]; });
  Singular s;
  for (const std::size_t i : order) {
    s.logs.push_back(m.logs[i]);
    s.vectors.push_back(m.rows[i]);
  }
  for (std::size_t i = 0; i < n; ++i)  // a row of 0 has no direction: any that is left will do
    if (!(s.logs[i] > minus_infinity)) s.vectors[i] = another(s.vectors, i);
  return s;
}

Eigen symmetric_eigen(Vectors a) {
  const std::size_t n = a.size();
  Vectors v(n, Vector(n));
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1;
  bool turned = true;
  for (int sweep = 0; turned && sweep < 60; ++sweep) {
    turned = false;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) <= epsilon * std::sqrt(std::abs(a[p][p] * a[q][q]))) continue;
        turned = true;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t =
            (theta >= 0 ? 1.0 : -1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        const auto turn = [&](double& x, double& y) {
          const double old = x;
          x = c * old - s * y;
          y = s * old + c * y;
        };
        for (std::size_t i = 0; i < n; ++i) turn(a[p][i], a[q][i]);
        for (std::size_t i = 0; i < n; ++i) turn(a[i][p], a[i][q]);
        for (std::size_t i = 0; i < n; ++i) turn(v[p][i], v[q][i]);
      }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return a[i][i]; });
  Eigen sorted;
  for (const std::size_t i : order) {
    sorted.values.push_back(a[i][i]);
    sorted.vectors.push_back(v[i]);
  }
  return sorted;
}

Vectors combined(const Vectors& columns, const Vectors& weights) {
  Vectors out(weights.size(), Vector(columns.front().size()));
  for (std::size_t j = 0; j < weights.size(); ++j)
    for (std::size_t c = 0; c < columns.size(); ++c) add(out[j], weights[j][c], columns[c]);
  return out;
}

}  // namespace metatape::metalearn::detail
