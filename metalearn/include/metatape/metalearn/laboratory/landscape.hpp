// landscape.hpp: L along lines through φ, with the gradients that estimators see there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn {

/// φ moved along a line or over a plane.
struct LandscapeAxis {
  Params direction{};           ///< φ + a direction
  std::vector<double> values{}; ///< of a
};

struct LandscapePoint {
  double a = 0, b = 0;  ///< b: along the second axis
  double loss = 0;      ///< infinite where the run diverges
  /// <dL/dφ, direction> of each estimator along the first axis, NaN where it diverges.
  std::vector<double> slopes{};
  std::vector<double> smoothed{};  ///< E L(φ + σε) for each σ asked for
};

struct LandscapeOptions {
  std::vector<AnyEstimator> estimators{};
  std::vector<double> sigmas{};  ///< smoothing by N(0, σ² I) of φ
  int smoothing_samples = 64;
  Key key{};
  std::function<bool()> stop{};
};

/// L on the grid of one axis, or of two (the second's direction empty: one). Points in parallel.
std::vector<LandscapePoint> landscape_of(const System& system, const Params& phi,
                                         const LandscapeAxis& first, const LandscapeAxis& second,
                                         const LandscapeOptions& options = {},
                                         Threads* threads = nullptr);

}  // namespace metatape::metalearn
