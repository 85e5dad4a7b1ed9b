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
  Params direction{};            ///< φ + a direction; φ's layout
  std::vector<double> values{};  ///< of a
};

struct LandscapePoint {
  double a = 0, b = 0;  ///< b: along the second axis
  double loss = 0;      ///< infinite where the run diverges
  /// <dL/dφ, direction> of each estimator along the first axis, NaN where it diverges; empty where
  /// none was asked for (gradients_along).
  std::vector<double> slopes{};
  std::vector<double> slopes_across{};  ///< the same along the second axis; empty on a line
  std::vector<double> smoothed{};  ///< E L(φ + σε) for each σ asked for; infinite if a sample is
};

struct LandscapeOptions {
  std::vector<AnyEstimator> estimators{};
  /// Over a plane, gradients are taken at no more than so many values of each axis, evenly spread:
  /// they cost more than losses, and arrows need room. 0: at all; so on a line.
  std::int64_t gradients_along = 0;
  std::vector<double> sigmas{};  ///< smoothing by N(0, σ² I) of φ
  /// Draws of ε, by twos: each with its mirror image. They are the same at every point and for
  /// every σ, so that curves are smooth however few they are.
  int smoothing_samples = 64;
  Key key{};  ///< of the run, of estimators and of ε
  std::function<bool()>
      stop{};  ///< asked before each point, from any thread; those left are left out
};

/// L on the grid of one axis, or of two (the second's direction empty: one), the first axis running
/// fastest. One run throughout, drawn at φ. Points in parallel.
/// ShapeError and DTypeError for a direction that is not of φ's layout and type; DataError for an
/// axis without values, a σ that is not above 0, fewer smoothing samples than 1 and gradients at
/// fewer than 0.
std::vector<LandscapePoint> landscape_of(const System& system, const Params& phi,
                                         const LandscapeAxis& first, const LandscapeAxis& second,
                                         const LandscapeOptions& options = {},
                                         Threads* threads = nullptr);

}  // namespace metatape::metalearn
