// tasks.hpp: everything metatape-tasks offers: images, episodes drawn from them, and functions to be
// minimised.
#pragma once

#include "metatape/tasks/episodes/hausdorff.hpp"
#include "metatape/tasks/episodes/measures.hpp"
#include "metatape/tasks/episodes/pixels.hpp"
#include "metatape/tasks/episodes/sampler.hpp"
#include "metatape/tasks/episodes/split.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "metatape/tasks/images/idx.hpp"
#include "metatape/tasks/images/image.hpp"
#include "metatape/tasks/images/image_set.hpp"
#include "metatape/tasks/images/one_shot.hpp"
#include "metatape/tasks/images/readers.hpp"
#include "metatape/tasks/images/render.hpp"
#include "metatape/tasks/images/strokes.hpp"
#include "metatape/tasks/nearest_name.hpp"
#include "metatape/tasks/optimizees/optimizee.hpp"
#include "metatape/tasks/optimizees/quadratics.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"
