// nn.hpp: layers, whole.
#pragma once

#include "metatape/autodiff.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/nn/conv_net.hpp"
#include "metatape/nn/init.hpp"
#include "metatape/nn/layers.hpp"
#include "metatape/nn/linear.hpp"
#include "metatape/nn/losses.hpp"
#include "metatape/nn/mode.hpp"
#include "metatape/nn/module.hpp"
#include "metatape/nn/recurrent.hpp"
#include "metatape/nn/safetensors.hpp"
