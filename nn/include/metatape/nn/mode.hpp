// mode.hpp: how a module runs this time, and the batch statistics it met.
// Both are values handed in and out. A module has no hidden state, so parallel tasks, adapted
// weights and resumed runs need nothing special.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"

namespace metatape::nn {

/// Mean and variance of each batch normalisation of a network, by its dotted name. Made by a
/// support batch they are Vars that gradients go through; running ones are constants.
struct Statistics {
  std::vector<std::pair<std::string, BatchStatistics>> entries;

  [[nodiscard]] const BatchStatistics* find(std::string_view name) const;
  /// The values, as "<name>.running_mean" and "<name>.running_var".
  [[nodiscard]] Params value() const;
};

/// Values saved before, as constants of a tape. DataError when a mean has no variance beside it.
Statistics bind_statistics(Tape& tape, const Params& values);

/// running + weight * (batch - running), tensor by tensor; `batch` itself where running is empty.
Params update_running(const Params& running, const Params& batch, double weight);

struct Mode {
  bool training = false;  ///< dropout acts
  Key key{};              ///< of dropout's masks
  const Statistics* statistics =
      nullptr;                 ///< batch normalisation uses these; null: the batch's own
  Statistics* made = nullptr;  ///< where the batch's own are noted; null: nowhere
  std::string name{};          ///< of the module inside the network, dotted

  /// The mode of a part of this name: its key and its name below this one's.
  [[nodiscard]] Mode inside(std::string_view part) const;
};

}  // namespace metatape::nn
