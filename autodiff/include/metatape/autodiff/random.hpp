// random.hpp: random numbers that depend on their key alone.
// A key is split by names and numbers into a tree of independent streams; what is drawn from one
// does not depend on who drew it, when, or on how many threads. Bits come from Philox 4x64-10
// (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
#pragma once

#include <array>
#include <cstdint>
#include <numbers>
#include <string_view>
#include <utility>
#include <vector>

#include "metatape/autodiff/tensor.hpp"

namespace metatape {

/// A place in the tree of random streams. A value: copy it, compare it, store it.
class Key {
 public:
  Key() = default;
  explicit Key(std::uint64_t seed) : words_{seed, 0} {}

  /// The child of this name or number. Names and numbers never collide with each other.
  [[nodiscard]] Key split(std::string_view name) const;
  [[nodiscard]] Key split(std::uint64_t index) const;
  [[nodiscard]] Key split(std::string_view name, std::uint64_t index) const {
    return split(name).split(index);
  }

  /// Block `counter` of this key's own stream: four words of 64 random bits.
  [[nodiscard]] std::array<std::uint64_t, 4> bits(std::uint64_t counter) const;

  [[nodiscard]] const std::array<std::uint64_t, 2>& words() const { return words_; }
  /// The key whose words() these are: what was stored is found again.
  [[nodiscard]] static Key of_words(const std::array<std::uint64_t, 2>& words) {
    Key key;
    key.words_ = words;
    return key;
  }
  friend bool operator==(const Key&, const Key&) = default;

 private:
  std::array<std::uint64_t, 2> words_{0, 0};
};

/// A key's stream read in order.
class Random {
 public:
  explicit Random(Key key) : key_(key) {}

  std::uint64_t bits();                          ///< 64 random bits
  double uniform();                              ///< [0, 1), a multiple of 2^-53
  double uniform(double low, double high);       ///< [low, high)
  double normal();                               ///< mean 0, deviation 1 (Box-Muller)
  double normal(double mean, double deviation);  ///
  std::int64_t below(std::int64_t n);            ///< 0 .. n-1, without bias; n >= 1
  bool chance(double probability);               ///< true with this probability
  double gamma(double shape);                    ///< Marsaglia and Tsang (2000); shape > 0
  std::vector<double> dirichlet(const std::vector<double>& concentration);
  /// k of the numbers 0..n-1 without replacement, in the order drawn. Throws DataError if k > n.
  std::vector<std::int64_t> choose(std::int64_t n, std::int64_t k);

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
  }

 private:
  Key key_;
  std::uint64_t counter_ = 0;
  std::array<std::uint64_t, 4> block_{};
  int left_ = 0;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// Tensors drawn elementwise from a key: normal (mean 0, deviation 1) or uniform in [low, high).
/// The float32 tensor is the float64 one of the same key, rounded.
Tensor normal(const Shape& shape, Key key, DType dtype = DType::f32);
Tensor uniform(const Shape& shape, Key key, double low, double high, DType dtype = DType::f32);

}  // namespace metatape
