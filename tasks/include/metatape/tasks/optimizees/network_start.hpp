// network_start.hpp: where the training of a network starts, as the papers on learned optimizers
// have it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::tasks {

enum class NetworkStart {
  tiny,    ///< weights and biases alike N(0, deviation²): Andrychowicz et al. (2016)
  glorot,  ///< weights uniform in ± sqrt(6 / (fan_in + fan_out)), biases 0
  both,    ///< tiny or glorot, each instance one of them by a fair coin
};

/// "tiny", "glorot", "both".
const char* to_string(NetworkStart start);

/// First values of tensors of these names and shapes. Each depends on the key and its name alone;
/// those of "<...>norm.bias" are 0 with either start.
Params network_start(const std::vector<std::pair<std::string, Shape>>& tensors, NetworkStart start,
                     double deviation, Key key, DType dtype = DType::f32);

}  // namespace metatape::tasks
