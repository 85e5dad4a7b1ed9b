#include "metatape/tasks/optimizees/conv_classifier.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::tasks {

namespace {

// Batch normalisation that shifts and does not scale.
Var shifted_norm(Var x, Var shift) {
  return batch_norm(x, x.tape().constant(Tensor::full(shift.shape(), 1, x.dtype())), shift);
}

}  // namespace

std::string ConvClassifier::name() const {
  return fmt::format("conv:data={},filters={},layers={},hidden={},init={}", images.name(), filters,
                     layers, hidden, to_string(start));
}

OptimizeeInstance ConvClassifier::sample(Key key, DType dtype) const {
  if (images.count() == 0 || filters < 1 || layers < 0 || kernel < 1 || kernel % 2 == 0 ||
      hidden < 1 || batch < 1 || !(deviation >= 0))
    throw DataError(
        fmt::format("{}: {} images, kernel {}, a batch of {}, deviation {}: images, filters, "
                    "hidden and a batch "
                    "of 1 or more, an odd kernel and a deviation of 0 or more are needed",
                    name(), images.count(), kernel, batch, deviation));
  std::vector<std::pair<std::string, Shape>> tensors;
  std::int64_t in = images.channels(), height = images.height(), width = images.width();
  for (int i = 0; i < layers; ++i) {
    const std::string block = fmt::format("block{}.", i);
    if (height < 2 || width < 2)
      throw DataError(
          fmt::format("{}: layer {} pools a map of {} x {} from images of {} x {}: "
                      "fewer layers or larger images are needed",
                      name(), i, height, width, images.height(), images.width()));
    tensors.emplace_back(block + "conv.weight", Shape{filters, in, kernel, kernel});
    tensors.emplace_back(block + "conv.bias", Shape{filters});
    tensors.emplace_back(block + "norm.bias", Shape{filters});
    in = filters;
    height /= 2;
    width /= 2;
  }
  tensors.emplace_back("hidden.weight", Shape{hidden, in * height * width});
  tensors.emplace_back("hidden.bias", Shape{hidden});
  tensors.emplace_back("hidden.norm.bias", Shape{hidden});
  tensors.emplace_back("head.weight", Shape{images.classes(), hidden});
  tensors.emplace_back("head.bias", Shape{images.classes()});
  return {.initial = network_start(tensors, start, deviation, key, dtype),
          .loss = [self = *this](const Bound& theta, Key step) {
            const auto [pictures, labels] =
                self.images.minibatch(step, self.batch, theta[0].dtype());
            return softmax_cross_entropy(self.logits(theta, theta[0].tape().constant(pictures)),
                                         labels);
          }};
}

Var ConvClassifier::logits(const Bound& theta, Var pictures) const {
  Var x = pictures;
  std::size_t at = 0;
  for (int i = 0; i < layers; ++i, at += 3) {
    const int border = kernel / 2;
    x = conv2d(x, theta[at], theta[at + 1], {.padding = {border, border}});
    x = max_pool2d(relu(shifted_norm(x, theta[at + 2])));
  }
  x = flatten(permute(x, {0, 3, 1, 2}), 1);  // channel by channel, as PyTorch flattens
  x = relu(shifted_norm(linear(x, theta[at], theta[at + 1]), theta[at + 2]));
  return linear(x, theta[at + 3], theta[at + 4]);
}

}  // namespace metatape::tasks
