// workloads.hpp: what is measured. A workload is made once, inputs and all; a step does the whole
// computation from the inputs to the gradients and gives back what it took.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <metatape/autodiff.hpp>

namespace bench {

/// What shows that two programs did the same.
struct Outcome {
  double loss = 0;
  std::vector<metatape::Tensor> gradients;
};

struct Workload {
  double flop = 0;  ///< multiply-adds of matrix products and convolutions, times two
  double ops = 0;   ///< of the chains W5v and W5m; 0 elsewhere
  std::function<Outcome(metatape::Tape&)> step;
};

// learned_optimizer.cpp
Workload mlp_window(bool exact, metatape::DType dtype);
Workload quadratics_window(metatape::DType dtype);

// maml.cpp
Workload maml(int steps, bool exact, metatape::DType dtype);

std::vector<std::string> workload_names();
/// Throws metatape::DataError for an unknown name.
void require_workload(const std::string& name);
/// The same.
Workload make_workload(const std::string& name, metatape::DType dtype);

}  // namespace bench
