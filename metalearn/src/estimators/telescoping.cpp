#include "metatape/metalearn/estimators/telescoping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

namespace {

void require_sound(const Telescoping& t) {
  if (!(t.q > 0 && t.q < 1) || t.terms < 1)
    throw DataError(fmt::format("telescoping: q = {}, {} terms: 0 < q < 1 and 1 or more expected",
                                t.q, t.terms));
}

double at_least(const Telescoping& t, std::int64_t k) {  // P(N >= k)
  return std::pow(t.q, static_cast<double>(k - 1));
}

// The factor of Δ_j in what N = k says.
double factor(const Telescoping& t, std::int64_t k, std::int64_t j) {
  if (t.kind == Telescoping::Kind::roulette) return j <= k ? 1 / at_least(t, j) : 0;
  return j == k ? 1 / t.probability(k) : 0;
}

}  // namespace

double Telescoping::probability(std::int64_t k) const {
  require_sound(*this);
  return k == terms ? at_least(*this, k) : at_least(*this, k) - at_least(*this, k + 1);
}

std::int64_t Telescoping::draw(Key key) const {
  require_sound(*this);
  Random random(key);
  std::int64_t k = 1;
  while (k < terms && random.chance(q)) ++k;
  return k;
}

double Telescoping::answer(std::int64_t k, const std::function<double(std::int64_t)>& y) const {
  require_sound(*this);
  double sum = 0;
  for (std::int64_t j = kind == Kind::single ? k : 1; j <= k; ++j)
    sum += factor(*this, k, j) * (y(j) - (j > 1 ? y(j - 1) : 0));
  return sum;
}

std::string RandomHorizon::name() const {
  return detail::numbered(
      telescoping.kind == Telescoping::Kind::roulette ? "roulette" : "single-term", telescoping.q);
}

Params RandomHorizon::begin(const Dynamics& run, const Params&, Key) const {
  require_sound(telescoping);
  return run.start;
}

// Δ_j is the share of the steps beyond the (j-1)-th horizon, so what N = k says is the gradient of
// a run of k pieces whose losses are weighed by their factors.
Estimate RandomHorizon::advance(const Dynamics& run, const Params& phi, Window, Key key,
                                UnrollScratch& scratch, Params&) const {
  const std::int64_t n = std::min(telescoping.terms, run.steps);
  Telescoping t = telescoping;
  t.terms = n;
  const std::int64_t k = t.draw(key.split("horizon"));
  const auto end_of = [&](std::int64_t j) { return (run.steps * j + n - 1) / n; };
  Dynamics part = run;
  part.steps = end_of(k);
  part.visit = [&](const Bound& p, const Bound& s, const Moment& m) {
    Visit v = run.visit(p, s, m);
    if (v.loss.valid()) {
      std::int64_t j = 1;
      while (end_of(j) < m.t) ++j;
      v.loss = factor(t, k, j) * v.loss;
    }
    return v;
  };
  return estimate(Reverse{}, part, phi, key, scratch);
}

}  // namespace metatape::metalearn
