// ops.hpp: every function of Vars.
#pragma once

#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/columnwise.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/indexing.hpp"
#include "metatape/autodiff/ops/linalg.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/normalization.hpp"
#include "metatape/autodiff/ops/recurrent.hpp"
#include "metatape/autodiff/ops/reduce.hpp"
#include "metatape/autodiff/ops/structure.hpp"
