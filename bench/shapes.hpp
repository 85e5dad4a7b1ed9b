// shapes.hpp: the sizes of the workloads of README.md, and how a command line changes them:
// "W1:steps=1000:width=4". What is computed (workloads.cpp) and what is counted (counts.cpp) are
// both made of these.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// W1 to W3: the coordinatewise LSTM optimizer, and how long it is run.
struct Window {
  bool exact = false;  ///< second order
  std::int64_t layers = 2, hidden = 20, steps = 20;
  static constexpr std::int64_t in = 2;  ///< numbers that the net sees of a gradient
};
/// W1 and W3: what is minimised.
struct Mlp {
  std::int64_t in = 784, width = 20, classes = 10, batch = 128;
  [[nodiscard]] std::int64_t parameters() const { return (in + 1) * width + (width + 1) * classes; }
};
/// W2: what is minimised.
struct Quadratics {
  std::int64_t functions = 128, dim = 10;
  [[nodiscard]] std::int64_t parameters() const { return functions * dim; }
};

/// W4: four blocks of a 3x3 convolution, batch normalisation, ReLU and max-pool 2.
struct Conv4 {
  std::int64_t side = 28, filters = 64;
  int blocks = 4;
};
/// W4a.
struct Episode {
  std::int64_t way = 5, shot = 1, queries = 15;
  [[nodiscard]] std::int64_t support() const { return way * shot; }
  [[nodiscard]] std::int64_t query() const { return way * queries; }
  [[nodiscard]] std::int64_t images() const { return support() + query(); }
};
/// W4b, W4c.
struct Adaptation {
  bool exact = false;
  std::int64_t steps = 5, tasks = 4;
  Episode episode{};
};

/// W5.
struct Chain {
  bool vector = true;
  std::int64_t rounds = 250;
  [[nodiscard]] std::int64_t columns() const { return vector ? 1 : 4; }
};
/// W6.
struct PlainLstm {
  std::int64_t steps = 100, batch = 64, in = 128, hidden = 256;
};

/// A workload's name and the sizes that it is to have instead of its own.
class Spec {
 public:
  /// Throws metatape::DataError for what is not NAME[:SIZE=NUMBER ...], NUMBER a whole number from
  /// 1.
  explicit Spec(const std::string& text);
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Sets `size` where the spec says so.
  void take(const std::string& key, std::int64_t& size);
  /// Throws metatape::DataError for a size that no one took; it names those that exist.
  void finish() const;

 private:
  std::string text_, name_;
  std::vector<std::pair<std::string, std::int64_t>> sizes_;  // not yet taken
  std::vector<std::string> known_;
};

}  // namespace bench
