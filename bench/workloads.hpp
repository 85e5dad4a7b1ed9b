// workloads.hpp: what is measured. A workload is prepared once, inputs and all; a step does the
// whole computation from the inputs to the gradients and gives back what it took.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <metatape/autodiff.hpp>

#include "counts.hpp"
#include "shapes.hpp"

namespace bench {

/// What shows that two programs did the same.
struct Outcome {
  double loss = 0;
  std::vector<metatape::Tensor> gradients;
};

using Step = std::function<Outcome(metatape::Tape&)>;

struct Workload {
  Counts counts{};
  double ops = 0;  ///< of the chains W5v and W5m; 0 elsewhere
  std::function<Step()> prepare{};
};

// learned_optimizer.cpp
Step mlp_window(const Window& window, const Mlp& mlp, metatape::DType dtype);
Step quadratics_window(const Window& window, const Quadratics& quadratics, metatape::DType dtype);

// maml.cpp
Step maml(const Conv4& net, const Adaptation& adaptation, metatape::DType dtype);

/// Those of README.md's table.
std::vector<std::string> workload_names();
/// One of them, or with sizes of its own ("W1:steps=1000", "W4a:way=20:shot=5"). Throws
/// metatape::DataError for a name or a size that is unknown.
Workload find_workload(const std::string& spec, metatape::DType dtype);

}  // namespace bench
