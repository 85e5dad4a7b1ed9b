// seeds.hpp: one training with several seeds: what a result owes to chance.
#pragma once

#include "setup.hpp"

namespace metatape::cli {

/// `fewshot train --seeds N`: runs of seeds s, s + 1, ... in OUT/seed-<s>, OUT/seed-<s + 1>, ...,
/// each what `fewshot train --seed s` makes. `settings` are filled and fit together. Where minutes
/// are given, the first run plans the episodes of all.
int train_seeds(Invocation& in, FewShotSettings& settings, int seeds, double save_every);

}  // namespace metatape::cli
