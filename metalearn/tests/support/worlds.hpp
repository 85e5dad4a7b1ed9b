// worlds.hpp: small image sets that tests draw episodes from.
#pragma once

#include <memory>

#include "metatape/tasks/episodes/sampler.hpp"
#include "metatape/tasks/images/strokes.hpp"

namespace worlds {

/// Episodes of 8 x 8 images of one generated alphabet with 6 drawers.
inline std::shared_ptr<const metatape::tasks::EpisodeSampler> tiny(
    metatape::tasks::EpisodeOptions options) {
  using namespace metatape::tasks;
  static const auto splits =
      split(generate_strokes({.alphabets = 2, .drawers = 6, .seed = 3}), {.test = "1"});
  options.size = 8;
  return std::make_shared<const EpisodeSampler>(splits.train, options, metatape::Key{1});
}

/// The splits of eight generated alphabets, 20 drawers: enough to learn on in seconds.
inline const metatape::tasks::Splits& alphabets() {
  using namespace metatape::tasks;
  static const Splits splits = split(generate_strokes({.alphabets = 8, .drawers = 20, .seed = 5}),
                                     {.test = "2", .validation = "1"});
  return splits;
}

}  // namespace worlds
