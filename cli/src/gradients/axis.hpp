// axis.hpp: lines through φ as the user writes them: "learning_rate=1e-3:1:log:200".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metatape/metalearn/laboratory/landscape.hpp"
#include "study.hpp"

namespace metatape::cli {

/// NAME=FROM:TO[:log]:COUNT. The name is one of φ's, which then takes these values, or `random` or
/// `gradient`: so far from φ along a random direction of length 1, or along the exact gradient's.
struct Axis {
  std::string name{};
  double from = 0, to = 0;
  bool logarithmic = false;
  std::int64_t count = 0;

  /// From `from` to `to`, both included, evenly or in equal factors.
  [[nodiscard]] std::vector<double> values() const;
  [[nodiscard]] double value(std::int64_t i) const;  ///< the i-th of them
  [[nodiscard]] bool is_direction() const { return name == "random" || name == "gradient"; }
};

/// UsageError says what is expected.
Axis parse_axis(std::string_view text);

/// The axes as the landscape wants them, through the φ that is returned: study's, with 0 where a
/// named axis says the value itself. UsageError for a name that φ does not have, and for one whose
/// numbers differ, so that no one value stands for them.
Params place_axes(const Study& study, const std::vector<Axis>& axes,
                  std::vector<metalearn::LandscapeAxis>& placed);

}  // namespace metatape::cli
