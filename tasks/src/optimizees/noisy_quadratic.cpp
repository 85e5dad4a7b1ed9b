#include "metatape/tasks/optimizees/noisy_quadratic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"

namespace metatape::tasks {

NoisyQuadratic NoisyQuadratic::harmonic(int coordinates, double noise) {
  NoisyQuadratic q;
  for (int i = 1; i <= coordinates; ++i) {
    q.curvature.push_back(1.0 / i);
    q.noise.push_back(noise * i);
    q.start.push_back(i);
  }
  return q;
}

std::vector<double> NoisyQuadratic::step(const std::vector<double>& moments, double rate) const {
  std::vector<double> next(moments.size());
  for (std::size_t i = 0; i < next.size(); ++i) {
    const double moved = rate * curvature[i], kept = 1 - moved;
    next[i] = kept * kept * moments[i] + moved * moved * noise[i];
  }
  return next;
}

// A(T) = A∞ + (A(0) - A∞) (1-αh)^2T,   A∞ = αhσ² / (2 - αh)
std::vector<double> NoisyQuadratic::after(double rate, std::int64_t steps) const {
  std::vector<double> moments(start.size());
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const double moved = rate * curvature[i], stays = moved * noise[i] / (2 - moved);
    moments[i] = stays + (start[i] - stays) * std::pow(1 - moved, 2 * static_cast<double>(steps));
  }
  return moments;
}

double NoisyQuadratic::excess(const std::vector<double>& moments) const {
  double sum = 0;
  for (std::size_t i = 0; i < moments.size(); ++i) sum += curvature[i] * moments[i];
  return sum / 2;
}

double NoisyQuadratic::loss(const std::vector<double>& moments) const {
  return excess(moments) + excess(noise);
}

// dA(T)/dα = dA∞ (1 - u^2T) - 2T h u^(2T-1) (A(0) - A∞),   dA∞ = 2hσ² / (2 - αh)²,   u = 1 - αh
double NoisyQuadratic::slope(double rate, std::int64_t steps) const {
  const double twice = 2 * static_cast<double>(steps);
  double sum = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const double h = curvature[i], rest = 2 - rate * h, u = 1 - rate * h;
    const double stays = rate * h * noise[i] / rest;
    sum += h * (2 * h * noise[i] / (rest * rest) * (1 - std::pow(u, twice)) -
                twice * h * std::pow(u, twice - 1) * (start[i] - stays));
  }
  return sum / 2;
}

double NoisyQuadratic::greedy_rate(const std::vector<double>& moments) const {
  double above = 0, below = 0;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const double h = curvature[i];
    above += h * h * moments[i];
    below += h * h * h * (moments[i] + noise[i]);
  }
  return above / below;
}

double NoisyQuadratic::best_rate(std::int64_t steps) const {
  if (steps < 1) throw DataError(fmt::format("best_rate: {} steps: 1 or more expected", steps));
  // The best of a grid below 2/h, from where on a coordinate grows, and then the slope's root
  // between its neighbours.
  constexpr int points = 2000;
  constexpr double span = 1e6;  // the grid's last over its first
  const double most = 2 / std::ranges::max(curvature);
  const auto rate_at = [&](int i) { return most * std::pow(span, double(i) / points - 1); };
  int best = 1;
  double least = excess(after(rate_at(1), steps));
  for (int i = 2; i < points; ++i)
    if (const double e = excess(after(rate_at(i), steps)); e < least) {
      least = e;
      best = i;
    }
  double low = rate_at(best - 1), high = rate_at(best + 1);
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (slope(middle, steps) < 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace metatape::tasks
