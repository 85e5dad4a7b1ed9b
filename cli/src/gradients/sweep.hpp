// sweep.hpp: estimators of one kind that were asked with several numbers (lengths of the run, σ,
// windows, pairs), as curves against that number: bias, variance, error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../figure.hpp"
#include "../report_page.hpp"
#include "metatape/metalearn/laboratory/comparison.hpp"

namespace metatape::cli {

/// A row of a comparison.
struct Compared {
  std::string label{};            ///< the estimator, and σ where there are several
  std::int64_t steps = 0;         ///< of the run
  std::optional<double> sigma{};  ///< of an estimator that perturbs φ
  double gradient_length = 0;     ///< of the exact gradient
  metalearn::EstimatorReport report{};
};

/// A number that rows may differ in.
struct SweptNumber {
  std::string name{};                               ///< of its figures: "sigma"
  std::string label{};                              ///< of their axis
  std::string word{};                               ///< for the reader: what to look for
  std::vector<Series> bias{}, variance{}, error{};  ///< relative to the gradient, and to its square
};

/// Those in which rows differ that are else alike, each kind of estimator a curve of two points or
/// more: steps, sigma, window, pairs, in this order; the last three over the longest run alone.
std::vector<SweptNumber> swept_numbers(const std::vector<Compared>& rows);

/// Three figures for each: bias-by-sigma, variance-by-sigma, error-by-sigma, ...; false without
/// any.
bool draw_sweeps(const std::vector<Compared>& rows, const std::filesystem::path& folder,
                 Console& console, ReportPage& page);

}  // namespace metatape::cli
