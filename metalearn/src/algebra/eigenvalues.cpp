#include "eigenvalues.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace metatape::metalearn::detail {

namespace {

using Complex = std::complex<double>;
using Matrix = std::vector<std::vector<Complex>>;

// Zeros below the first subdiagonal, by reflections from both sides.
void to_hessenberg(Matrix& a) {
  const std::size_t n = a.size();
  for (std::size_t k = 0; k + 2 < n; ++k) {
    double length = 0;
    for (std::size_t i = k + 1; i < n; ++i) length += std::norm(a[i][k]);
    length = std::sqrt(length);
    if (length == 0) continue;
    std::vector<Complex> v(n);
    for (std::size_t i = k + 1; i < n; ++i) v[i] = a[i][k];
    const double first = std::abs(v[k + 1]);
    v[k + 1] += first > 0 ? v[k + 1] / first * length : Complex(length);
    double squared = 0;
    for (std::size_t i = k + 1; i < n; ++i) squared += std::norm(v[i]);
    for (std::size_t j = 0; j < n; ++j) {
      Complex along = 0;
      for (std::size_t i = k + 1; i < n; ++i) along += std::conj(v[i]) * a[i][j];
      for (std::size_t i = k + 1; i < n; ++i) a[i][j] -= 2 / squared * along * v[i];
    }
    for (std::size_t i = 0; i < n; ++i) {
      Complex along = 0;
      for (std::size_t j = k + 1; j < n; ++j) along += a[i][j] * v[j];
      for (std::size_t j = k + 1; j < n; ++j) a[i][j] -= 2 / squared * along * std::conj(v[j]);
    }
  }
}

// The eigenvalue of the last 2 x 2 block that is nearer to its corner.
Complex wilkinson_shift(const Matrix& a, std::size_t last) {
  const Complex p = a[last - 1][last - 1], q = a[last - 1][last], r = a[last][last - 1],
                s = a[last][last];
  const Complex half = (p - s) / 2.0, root = std::sqrt(half * half + q * r);
  const Complex one = s + half + root, other = s + half - root;
  return std::abs(one - s) < std::abs(other - s) ? one : other;
}

// One step on rows and columns first .. last: A - shift = Q R, A becomes R Q + shift.
void qr_step(Matrix& a, std::size_t first, std::size_t last, Complex shift) {
  for (std::size_t i = first; i <= last; ++i) a[i][i] -= shift;
  std::vector<std::pair<Complex, Complex>> turns;
  for (std::size_t k = first; k < last; ++k) {
    const double length = std::hypot(std::abs(a[k][k]), std::abs(a[k + 1][k]));
    const Complex c = length > 0 ? a[k][k] / length : Complex(1);
    const Complex s = length > 0 ? a[k + 1][k] / length : Complex(0);
    turns.emplace_back(c, s);
    for (std::size_t j = k; j <= last; ++j) {
      const Complex x = a[k][j], y = a[k + 1][j];
      a[k][j] = std::conj(c) * x + std::conj(s) * y;
      a[k + 1][j] = c * y - s * x;
    }
  }
  for (std::size_t k = first; k < last; ++k) {
    const auto& turn = turns[k - first];
    for (std::size_t i = first; i <= std::min(k + 1, last); ++i) {
      const Complex x = a[i][k], y = a[i][k + 1];
      a[i][k] = turn.first * x + turn.second * y;
      a[i][k + 1] = std::conj(turn.first) * y - std::conj(turn.second) * x;
    }
  }
  for (std::size_t i = first; i <= last; ++i) a[i][i] += shift;
}

}  // namespace

std::vector<Complex> eigenvalues(const Vectors& rows) {
  Matrix a(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) a[i].assign(rows[i].begin(), rows[i].end());
  to_hessenberg(a);
  const auto parted = [&](std::size_t i) {  // nothing left between i - 1 and i
    return std::abs(a[i][i - 1]) <=
           std::numeric_limits<double>::epsilon() * (std::abs(a[i - 1][i - 1]) + std::abs(a[i][i]));
  };
  std::vector<Complex> values;
  for (std::size_t left = a.size(), steps = 0; left > 0;) {
    const std::size_t last = left - 1;
    if (last == 0 || parted(last)) {
      values.push_back(a[last][last]);
      --left;
      steps = 0;
      continue;
    }
    std::size_t first = last - 1;
    while (first > 0 && !parted(first)) --first;
    // now and then a shift that fits nothing, against going round in circles
    qr_step(a, first, last,
            ++steps % 11 == 0 ? Complex(std::abs(a[last][last - 1])) : wilkinson_shift(a, last));
    if (steps > 1000) {  // of a matrix with no numbers in it
      values.resize(a.size(), Complex(std::numeric_limits<double>::quiet_NaN()));
      break;
    }
  }
  return values;
}

}  // namespace metatape::metalearn::detail
