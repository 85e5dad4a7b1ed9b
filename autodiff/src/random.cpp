#include "metatape/autodiff/random.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "metatape/autodiff/error.hpp"

namespace metatape {

namespace {

// What the last counter word says of a Philox call: no two uses of a key share a counter.
enum class Use : std::uint64_t { stream, name, index };

std::array<std::uint64_t, 4> philox(const std::array<std::uint64_t, 2>& key, std::uint64_t a,
                                    std::uint64_t b, Use use) {
  const r123::Philox4x64 f;
  const r123::Philox4x64::ctr_type counter{{a, b, 0, static_cast<std::uint64_t>(use)}};
  const r123::Philox4x64::key_type k{{key[0], key[1]}};
  const auto out = f(counter, k);
  return {out[0], out[1], out[2], out[3]};
}

// FNV-1a, 64 bits.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3u;
  }
  return h;
}

double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

Key Key::split(std::string_view name) const {
  const auto w = philox(words_, hash(name), name.size(), Use::name);
  Key child;
  child.words_ = {w[0], w[1]};
  return child;
}

Key Key::split(std::uint64_t index) const {
  const auto w = philox(words_, index, 0, Use::index);
  Key child;
  child.words_ = {w[0], w[1]};
  return child;
}

std::array<std::uint64_t, 4> Key::bits(std::uint64_t counter) const {
  return philox(words_, counter, 0, Use::stream);
}

std::uint64_t Random::bits() {
  if (left_ == 0) {
    block_ = key_.bits(counter_++);
    left_ = 4;
  }
  return block_[static_cast<std::size_t>(4 - left_--)];
}

double Random::uniform() { return to_unit(bits()); }
double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));  // 1 - u lies in (0, 1]
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double Random::normal(double mean, double deviation) { return mean + deviation * normal(); }

std::int64_t Random::below(std::int64_t n) {
  if (n < 1) throw DataError("below: n = " + std::to_string(n) + ": 1 or more is needed");
  // Lemire (2019): the high half of a 128-bit product, the biased low part drawn again.
  const auto range = static_cast<std::uint64_t>(n);
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(bits()) * range;
  if (static_cast<std::uint64_t>(product) < range) {
    const std::uint64_t threshold = (0 - range) % range;
    while (static_cast<std::uint64_t>(product) < threshold)
      product = static_cast<Wide>(bits()) * range;
  }
  return static_cast<std::int64_t>(product >> 64);
}

bool Random::chance(double probability) { return uniform() < probability; }

double Random::gamma(double shape) {
  if (!(shape > 0)) throw DataError("gamma: shape " + std::to_string(shape) + " is not positive");
  if (shape < 1) return gamma(shape + 1) * std::pow(1 - uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

std::vector<double> Random::dirichlet(const std::vector<double>& concentration) {
  std::vector<double> p(concentration.size());
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] = gamma(concentration[i]);
  for (double& v : p) v /= sum;
  return p;
}

std::vector<std::int64_t> Random::choose(std::int64_t n, std::int64_t k) {
  if (k < 0 || k > n)
    throw DataError("choose: " + std::to_string(k) + " of " + std::to_string(n) +
                    " without replacement is impossible");
  // Fisher-Yates on a list of which only the moved entries are stored.
  std::unordered_map<std::int64_t, std::int64_t> moved;
  const auto at = [&](std::int64_t i) {
    const auto found = moved.find(i);
    return found == moved.end() ? i : found->second;
  };
  std::vector<std::int64_t> chosen;
  chosen.reserve(static_cast<std::size_t>(k));
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t j = i + below(n - i);
    chosen.push_back(at(j));
    moved[j] = at(i);
  }
  return chosen;
}

namespace {

template <class Draw>
Tensor drawn(const Shape& shape, DType dtype, Draw draw) {
  Tensor t = Tensor::uninitialised(shape, dtype);
  visit(dtype, [&]<class T>(T) {
    std::ranges::generate(t.mutable_values<T>(), [&] { return static_cast<T>(draw()); });
  });
  return t;
}

}  // namespace

Tensor normal(const Shape& shape, Key key, DType dtype) {
  Random random(key);
  return drawn(shape, dtype, [&] { return random.normal(); });
}

Tensor uniform(const Shape& shape, Key key, double low, double high, DType dtype) {
  Random random(key);
  return drawn(shape, dtype, [&] { return random.uniform(low, high); });
}

}  // namespace metatape
