// conv_net.hpp: the convolutional nets of few-shot learning, one description with named presets.
//
// A block is a 3 x 3 convolution with padding 1, batch normalisation and ReLU, and halves the map
// by a 2 x 2 max-pool, by a stride of 2, or not at all. Where the pool stands is a choice of cost:
// ReLU and max-pool commute exactly, so the pool always comes before ReLU. PoolAt::before_norm puts
// it before batch normalisation too, which then works on a quarter of the elements: another
// function of the same family (statistics are those of the pooled map), at half the cost of a step.
// conv4 keeps the published order; conv5_map, the measured recipe, pools first.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/module.hpp"

namespace metatape::nn {

/// How a block makes the map smaller. pool: h -> h / 2 rounded down; stride: rounded up.
enum class Down { none, pool, stride };
enum class PoolAt { after_norm, before_norm };

struct ConvBlock {
  std::int64_t filters = 64;
  Down down = Down::pool;
};

/// Images [n, height, width, channels] -> [n, features()], or [n, classes] with a head.
/// Parameters: "block1.conv.weight" [filters, in, 3, 3], "block1.conv.bias", "block1.norm.weight",
/// "block1.norm.bias", "block2...", and with classes "head.weight", "head.bias".
struct ConvNet {
  std::int64_t channels = 1;                  ///< of the images
  std::array<std::int64_t, 2> image{28, 28};  ///< height, width
  std::vector<ConvBlock> blocks{};
  PoolAt pool_at = PoolAt::after_norm;
  bool average = false;      ///< features are the mean over the map; else the map in C, H, W order
  std::int64_t classes = 0;  ///< of a linear head; 0: none, the result is the embedding
  bool conv_bias = true;  ///< (batch normalisation takes it away again: it costs, and does nothing)
  bool scale = true;      ///< learn batch normalisation's weight
  double epsilon = 1e-5;  ///< of batch normalisation
  Initialiser conv_init{};  ///< none: PyTorch's; biases likewise
  Initialiser head_init{};  ///< none: PyTorch's; given: the head's bias begins at 0

  /// Height and width of the last map. DataError when a block leaves nothing.
  [[nodiscard]] std::array<std::int64_t, 2> map() const;
  /// Width of the embedding.
  [[nodiscard]] std::int64_t features() const;

  [[nodiscard]] Params init(Key key, DType dtype = DType::f32) const;
  [[nodiscard]] Params init_statistics(DType dtype = DType::f32) const;
  [[nodiscard]] Applied apply(const Bound& p, Var x, const Mode& mode = {}) const;
  Var operator()(const Bound& p, Var x, const Mode& mode = {}) const {
    return apply(p, x, mode).output;
  }
};

struct ConvNetOptions {
  std::int64_t filters = 64;
  std::int64_t channels = 1;
  std::array<std::int64_t, 2> image{28, 28};
  std::int64_t classes = 0;
};

/// Four blocks with pools, 28 -> 14 -> 7 -> 3 -> 1: `filters` features, 111,936 parameters of 64
/// filters. Vinyals et al. (2016), Snell et al. (2017).
ConvNet conv4(const ConvNetOptions& options = {});

/// Four blocks with stride 2, 28 -> 14 -> 7 -> 4 -> 2, and the mean over the map: `filters`
/// features. Weights by Glorot, biases 0. Finn, Abbeel and Levine (2017).
ConvNet conv4_stride(const ConvNetOptions& options = {});

/// Five blocks, pools after the first two only, 28 -> 14 -> 7 -> 7 -> 7 -> 7: 3,136 features of 64
/// filters. Pool before normalisation, no convolution bias, weights by He (normal). Keeping the map
/// is worth 8 points on Lake's task.
ConvNet conv5_map(const ConvNetOptions& options = {});

}  // namespace metatape::nn
