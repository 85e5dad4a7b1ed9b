#include "metatape/tasks/optimizees/mlp_classifier.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::tasks {

const char* to_string(HiddenActivation activation) {
  switch (activation) {
    case HiddenActivation::sigmoid:
      return "sigmoid";
    case HiddenActivation::tanh:
      return "tanh";
    case HiddenActivation::relu:
      return "relu";
    case HiddenActivation::elu:
      break;
  }
  return "elu";
}

namespace {

// What `linear` can do in one op; ELU follows as one of its own.
Activation fused(HiddenActivation activation) {
  switch (activation) {
    case HiddenActivation::sigmoid:
      return Activation::sigmoid;
    case HiddenActivation::tanh:
      return Activation::tanh;
    case HiddenActivation::relu:
      return Activation::relu;
    case HiddenActivation::elu:
      break;
  }
  return Activation::none;
}

}  // namespace

std::string MlpClassifier::name() const {
  const bool equal = std::ranges::all_of(hidden, [&](auto w) { return w == hidden.front(); });
  std::string widths = hidden.empty() ? "20" : std::to_string(hidden.front());
  for (std::size_t i = 1; i < hidden.size() && !equal; ++i)
    widths += "-" + std::to_string(hidden[i]);
  return fmt::format("mlp:data={},hidden={},layers={},activation={},init={}", images.name(), widths,
                     hidden.size(), to_string(activation), to_string(start));
}

OptimizeeInstance MlpClassifier::sample(Key key, DType dtype) const {
  if (images.count() == 0 || batch < 1 || !(deviation >= 0) ||
      std::ranges::any_of(hidden, [](std::int64_t w) { return w < 1; }))
    throw DataError(
        fmt::format("{}: {} images, a batch of {}, deviation {}: images, widths and a "
                    "batch of 1 or more, and a deviation of 0 or more are needed",
                    name(), images.count(), batch, deviation));
  std::vector<std::pair<std::string, Shape>> tensors;
  std::int64_t in = images.pixels();
  for (std::size_t i = 0; i <= hidden.size(); ++i) {
    const std::int64_t out = i < hidden.size() ? hidden[i] : images.classes();
    tensors.emplace_back(fmt::format("{}.weight", i), Shape{out, in});
    tensors.emplace_back(fmt::format("{}.bias", i), Shape{out});
    in = out;
  }
  return {.initial = network_start(tensors, start, deviation, key, dtype),
          .loss = [self = *this](const Bound& theta, Key step) {
            const auto [pictures, labels] =
                self.images.minibatch(step, self.batch, theta[0].dtype());
            return softmax_cross_entropy(self.logits(theta, theta[0].tape().constant(pictures)),
                                         labels);
          }};
}

Var MlpClassifier::logits(const Bound& theta, Var pictures) const {
  Var x = flatten(pictures, 1);
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    x = linear(x, theta[2 * i], theta[2 * i + 1], fused(activation));
    if (activation == HiddenActivation::elu) x = elu(x);
  }
  return linear(x, theta[2 * hidden.size()], theta[2 * hidden.size() + 1]);
}

}  // namespace metatape::tasks
