// autodiff.hpp: the engine, whole. Include parts of it to build faster.
#pragma once

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/check.hpp"
#include "metatape/autodiff/custom.hpp"
#include "metatape/autodiff/dtype.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/machine.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/random.hpp"
#include "metatape/autodiff/shape.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/autodiff/var.hpp"
