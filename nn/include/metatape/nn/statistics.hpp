// statistics.hpp: what batch normalisations used in one pass, as a value.
// A pass returns the statistics it made and takes those it is to use: nothing is hidden in a layer.
// Recorded ones (a support set's) are differentiated through; running ones are Params that live
// outside the tape and enter it as constants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/params.hpp"

namespace metatape::nn {

/// Mean and biased variance of each batch normalisation, by the layer's dotted name; "" is a
/// BatchNorm that stands alone. Vars of one tape.
class Statistics {
 public:
  struct Entry {
    std::string layer;
    BatchStatistics values;
    std::int64_t count = 0;  ///< elements a channel they were taken over; 0: not known
  };

  Statistics() = default;
  explicit Statistics(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// DataError names a missing layer and those there are.
  [[nodiscard]] const Entry& operator[](std::string_view layer) const;

  /// Those of the layers under `prefix`, the prefix taken off: what a nested module gets.
  [[nodiscard]] Statistics inside(std::string_view prefix) const;
  /// Adds a nested module's, the prefix put before their names.
  void add(std::string_view prefix, const Statistics& nested);

  /// The values as "<layer>.running_mean" and "<layer>.running_var" (PyTorch's names), copied off
  /// the tape. `unbiased` multiplies variances by n / (n - 1), as PyTorch's running ones are;
  /// those of one element or of unknown count stay as they are.
  [[nodiscard]] Params value(bool unbiased = false) const;

 private:
  std::vector<Entry> entries_;
};

/// Params named as Statistics::value() names them, as constants of the tape. DataError when a mean
/// lacks its variance.
Statistics bind_statistics(Tape& tape, const Params& running);

/// The same values, constant to every gradient.
Statistics stop_gradient(const Statistics& statistics);

/// running = (1 - momentum) running + momentum batch, PyTorch's convention (0.1 is its default);
/// `batch` is Statistics::value(true), or a mean of several such.
void update_running(Params& running, const Params& batch, double momentum = 0.1);

}  // namespace metatape::nn
