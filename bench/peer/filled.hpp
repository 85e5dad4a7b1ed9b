// filled.hpp: a libtorch tensor "from a stream, scale, offset", and what a workload is.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "../inputs.hpp"

namespace peer {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

struct Outcome {
  Tensor loss;
  Tensors gradients;
};

struct Workload {
  double flop = 0, ops = 0;
  std::function<Outcome()> step;
};

inline Tensor filled(std::uint32_t stream, at::IntArrayRef shape, float scale, float offset,
                     torch::ScalarType type) {
  Tensor t = torch::empty(shape, torch::kFloat32);
  float* p = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i)
    p[i] = offset + scale * bench::uniform(stream, static_cast<std::uint32_t>(i));
  return t.to(type);
}

inline Tensor leaf(std::uint32_t stream, at::IntArrayRef shape, float scale, float offset,
                   torch::ScalarType type) {
  return filled(stream, shape, scale, offset, type).requires_grad_(true);
}

}  // namespace peer
