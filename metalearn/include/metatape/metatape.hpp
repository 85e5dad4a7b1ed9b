// metatape.hpp: all of it. A program that builds often includes the parts it needs instead.
#pragma once

#include "metatape/autodiff.hpp"
#include "metatape/metalearn.hpp"
#include "metatape/nn.hpp"
#include "metatape/tasks.hpp"
