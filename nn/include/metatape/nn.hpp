// nn.hpp: all of floor 1: modules, initialisers, losses, saved weights.
#pragma once

#include "metatape/autodiff.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/nn/conv2d.hpp"
#include "metatape/nn/conv_net.hpp"
#include "metatape/nn/dropout.hpp"
#include "metatape/nn/embedding.hpp"
#include "metatape/nn/initialisers.hpp"
#include "metatape/nn/linear.hpp"
#include "metatape/nn/losses.hpp"
#include "metatape/nn/mlp.hpp"
#include "metatape/nn/module.hpp"
#include "metatape/nn/normalization.hpp"
#include "metatape/nn/recurrent.hpp"
#include "metatape/nn/safetensors.hpp"
#include "metatape/nn/sequential.hpp"
#include "metatape/nn/statistics.hpp"
