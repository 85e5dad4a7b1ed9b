// convolution.cpp: convolutions and pools: strides, padding, dilation and groups apart and
// together, images of one pixel, none, and shapes that reach each fast path (3x3 with 1, 3 and 64
// channels).
#include <limits>

#include "metatape/autodiff/gradients.hpp"
#include "row.hpp"

namespace metatape::checks {

namespace {

CheckedFunction convolution(const Conv2dOptions& options) {
  return [options](std::span<const Var> x) {
    return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Var{}, options);
  };
}

CheckedFunction largest(const Pool2dOptions& options) {
  return [options](std::span<const Var> x) { return max_pool2d(x[0], options); };
}

CheckedFunction average(const Pool2dOptions& options) {
  return [options](std::span<const Var> x) { return average_pool2d(x[0], options); };
}

// What the derivatives of conv2d are made of, differentiated themselves: with this row the ops
// conv2d_input_gradient and conv2d_weight_gradient are checked to second order too.
Var twice(std::span<const Var> x) {
  const Var y = conv2d(x[0], x[1], {.stride = {2, 1}, .padding = {1, 1}});
  const std::vector<Var> d = recorded_vector_jacobian(y, x, y);
  return concat({flatten(d[0]), flatten(d[1])});
}

void add_conv2d(std::vector<Row>& table) {
  const Draw small{.low = -1, .high = 1};
  table.push_back(
      {.name = "conv2d",
       .call = convolution({}),
       .shapes = {{{2, 5, 7, 3}, {2, 3, 3, 3}, {2}},
                  {{1, 1, 1, 1}, {1, 1, 1, 1}, {1}},
                  {{0, 5, 5, 3}, {2, 3, 3, 3}, {2}},
                  {{2, 3, 5, 2}, {3, 2, 2, 4}},
                  {{2, 3, 3, 0}, {3, 0, 2, 2}, {3}},
                  {{2, 3, 3, 5}, {7, 5, 1, 1}, {7}},
                  {{17, 2, 3, 2}, {3, 2, 1, 2}}},
       .draw = {small},
       .points = {{.inputs = {Tensor({1, 2, 2, 1}, {1.0, 2.0, 3.0, 4.0}),
                              Tensor({1, 1, 2, 2}, {1.0, 10.0, 100.0, 1000.0})},
                   .expected = Tensor({1, 1, 1, 1}, {4321.0})}},
       .refusals = {
           {{{3, 4}, {2, 3, 3, 3}},
            "conv2d: x [3, 4]: images [n, height, width, channels] are expected"},
           {{{1, 5, 5, 3}, {2, 3}},
            "conv2d: weight [2, 3]: [out, in / groups, kernel height, kernel width] is expected"},
           {{{1, 5, 5, 3}, {2, 3, 0, 1}},
            "conv2d: weight [2, 3, 0, 1]: [out, in / groups, kernel height, kernel width] is "
            "expected"},
           {{{1, 5, 5, 3}, {2, 4, 3, 3}},
            "conv2d: x [1, 5, 5, 3], weight [2, 4, 3, 3]: the weight takes 4 channels, x has 3"},
           {{{1, 2, 5, 3}, {2, 3, 3, 3}},
            "conv2d: x [1, 2, 5, 3], weight [2, 3, 3, 3]: the kernel spans 3 rows, the padded "
            "image "
            "has 2"},
           {{{1, 5, 2, 3}, {2, 3, 3, 3}},
            "conv2d: x [1, 5, 2, 3], weight [2, 3, 3, 3]: the kernel spans 3 columns, the padded "
            "image has 2"},
           {{{1, 5, 5, 3}, {2, 3, 3, 3}, {3}},
            "conv2d: bias [3], weight [2, 3, 3, 3]: bias must be [2]"}}});
  table.push_back({.name = "conv2d, padded 3x3",
                   .call = convolution({.padding = {1, 1}}),
                   .shapes = {{{2, 5, 7, 3}, {5, 3, 3, 3}, {5}},
                              {{2, 1, 1, 2}, {3, 2, 3, 3}},
                              {{3, 7, 7, 1}, {64, 1, 3, 3}},
                              {{2, 7, 5, 64}, {64, 64, 3, 3}},
                              {{1, 3, 13, 16}, {67, 16, 3, 3}, {67}},
                              {{1, 2, 3, 17}, {16, 17, 3, 3}}},
                   .draw = {small, {.low = -0.3, .high = 0.3}, small}});
  table.push_back({.name = "conv2d, padded 5x5",
                   .call = convolution({.padding = {2, 2}}),
                   .shapes = {{{2, 5, 7, 3}, {16, 3, 5, 5}, {16}},
                              {{2, 1, 1, 2}, {3, 2, 5, 5}},
                              {{3, 7, 4, 1}, {17, 1, 5, 5}},
                              {{1, 2, 3, 16}, {16, 16, 5, 5}}},
                   .draw = {small, {.low = -0.3, .high = 0.3}, small}});
  table.push_back({.name = "conv2d, padded 7x7, strided",
                   .call = convolution({.stride = {2, 2}, .padding = {3, 3}}),
                   .shapes = {{{2, 5, 7, 3}, {16, 3, 7, 7}, {16}},
                              {{2, 3, 1, 2}, {3, 2, 7, 7}},
                              {{1, 1, 1, 1}, {1, 1, 7, 7}}},
                   .draw = {small, {.low = -0.3, .high = 0.3}, small}});
  table.push_back({.name = "conv2d, strided",
                   .call = convolution({.stride = {2, 3}, .padding = {1, 2}}),
                   .shapes = {{{2, 5, 7, 3}, {2, 3, 3, 3}, {2}},
                              {{1, 6, 6, 2}, {3, 2, 2, 2}},
                              {{1, 1, 1, 2}, {3, 2, 3, 5}}},
                   .draw = {small}});
  table.push_back({.name = "conv2d, dilated",
                   .call = convolution({.padding = {2, 0}, .dilation = {2, 3}}),
                   .shapes = {{{2, 5, 7, 3}, {2, 3, 3, 3}, {2}},
                              {{1, 6, 6, 2}, {3, 2, 2, 2}},
                              {{1, 1, 7, 2}, {3, 2, 3, 3}}},
                   .draw = {small}});
  table.push_back(
      {.name = "conv2d, groups",
       .call = convolution({.stride = {1, 2}, .padding = {1, 1}, .groups = 3}),
       .shapes = {{{2, 5, 7, 3}, {6, 1, 3, 3}, {6}},
                  {{1, 4, 4, 6}, {3, 2, 2, 3}},
                  {{2, 3, 3, 9}, {9, 3, 1, 1}, {9}}},
       .draw = {small},
       .refusals = {
           {{{1, 5, 5, 3}, {3, 3, 3, 3}},
            "conv2d: x [1, 5, 5, 3], weight [3, 3, 3, 3]: the weight takes 9 channels, x has 3"},
           {{{1, 5, 5, 6}, {4, 2, 3, 3}},
            "conv2d: x [1, 5, 5, 6], weight [4, 2, 3, 3]: 4 filters are not a multiple of 3 "
            "groups"}}});
  table.push_back({.name = "conv2d, its own gradients",
                   .call = twice,
                   .shapes = {{{2, 5, 4, 3}, {2, 3, 3, 3}},
                              {{1, 1, 1, 1}, {1, 1, 3, 3}},
                              {{2, 3, 3, 2}, {5, 2, 2, 1}}},
                   .draw = {{.low = -0.5, .high = 0.5}},
                   .several = true});
  const std::vector<std::vector<Shape>> any{
      {{2, 5, 5, 3}, {2, 3, 3, 3}}, {{1, 3, 3, 1}, {1, 1, 3, 3}}, {{1, 3, 3, 1}, {1, 1, 1, 1}}};
  const auto refuses = [&](const char* name, const Conv2dOptions& options, const char* message) {
    table.push_back({.name = name,
                     .call =
                         [options](std::span<const Var> x) {
                           return x[0].size() == 2 ? conv2d(x[0], x[1], options)
                                                   : conv2d(x[0], x[1]);
                         },
                     .shapes = any,
                     .draw = {{.low = -1, .high = 1}},
                     .refusals = {{{{1, 1, 2, 1}, {1, 1, 1, 1}}, message}}});
  };
  refuses("conv2d, stride 0", {.stride = {0, 1}}, "conv2d: stride 0: at least 1 is needed");
  refuses("conv2d, padding -1", {.padding = {0, -1}}, "conv2d: padding -1: at least 0 is needed");
  refuses("conv2d, dilation 0", {.dilation = {0, 1}}, "conv2d: dilation 0: at least 1 is needed");
  refuses("conv2d, groups 0", {.groups = 0}, "conv2d: groups 0: at least 1 is needed");
}

}  // namespace

void add_convolution(std::vector<Row>& table) {
  add_conv2d(table);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Draw distinct{.low = -2, .high = 2, .distinct = true};
  const Shape image{1, 2, 2, 1}, pixel{1, 1, 1, 1};
  table.push_back(
      {.name = "max_pool2d",
       .call = largest({}),
       .shapes = {{{2, 4, 6, 3}},
                  {{1, 2, 2, 1}},
                  {{0, 4, 4, 3}},
                  {{2, 5, 3, 2}},
                  {{3, 7, 7, 3}},
                  {{1, 4, 5, 17}}},
       .draw = {distinct},
       .points = {{.inputs = {Tensor(image, {1.0, nan, 3.0, 2.0})},
                   .expected = Tensor(pixel, {nan})},
                  {.inputs = {Tensor(image, {-3.0, -1.0, -1.0, -2.0})},
                   .expected = Tensor(pixel, {-1.0})}},
       .refusals = {
           {{{4, 4}}, "max_pool2d: [4, 4]: images [n, height, width, channels] are expected"},
           {{{1, 1, 4, 2}},
            "max_pool2d: [1, 1, 4, 2]: the kernel spans 2 rows, the padded image has 1"},
           {{{1, 4, 1, 2}},
            "max_pool2d: [1, 4, 1, 2]: the kernel spans 2 columns, the padded image has "
            "1"}}});
  table.push_back({.name = "max_pool2d, overlapping",
                   .call = largest({.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}}),
                   .shapes = {{{2, 5, 4, 3}}, {{1, 1, 1, 2}}, {{1, 7, 3, 17}}},
                   .draw = {distinct}});
  table.push_back({.name = "max_pool2d, too much padding",
                   .call =
                       [](std::span<const Var> x) {
                         return max_pool2d(x[0], {.padding = {x[0].size() == 1 ? 2 : 1, 0}});
                       },
                   .shapes = {{{1, 2, 2, 1}}, {{2, 3, 3, 2}}, {{1, 1, 2, 3}}},
                   .draw = {distinct},
                   .refusals = {{{{1, 1, 1, 1}},
                                 "max_pool2d: padding 2, kernel 2: padding is at most half the "
                                 "kernel"}}});
  table.push_back(
      {.name = "max_pool2d, stride 0",
       .call =
           [](std::span<const Var> x) {
             return max_pool2d(x[0], {.stride = {x[0].size() == 1 ? 0 : 1, 1}});
           },
       .shapes = {{{1, 2, 2, 1}}, {{2, 3, 3, 2}}, {{1, 4, 2, 3}}},
       .draw = {distinct},
       .refusals = {{{{1, 1, 1, 1}}, "max_pool2d: kernel 2, stride 0: both must be at least 1"}}});
  table.push_back(
      {.name = "average_pool2d",
       .call = average({}),
       .shapes = {{{2, 4, 6, 3}}, {{1, 2, 2, 1}}, {{0, 4, 4, 3}}, {{2, 5, 3, 2}}, {{1, 4, 5, 17}}},
       .points = {{.inputs = {Tensor(image, {1.0, 2.0, 3.0, 6.0})},
                   .expected = Tensor(pixel, {3.0})}},
       .refusals = {{{{4}},
                     "average_pool2d: [4]: images [n, height, width, channels] are "
                     "expected"}}});
  table.push_back({.name = "average_pool2d, overlapping",
                   .call = average({.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}}),
                   .shapes = {{{2, 5, 4, 3}}, {{1, 1, 1, 2}}, {{1, 7, 3, 17}}}});
  // Linear in x but for which element is largest: their own gradients are products with vectors.
  table.push_back({.name = "max_pool2d, its own gradients",
                   .call =
                       [](std::span<const Var> x) {
                         return recorded_jacobian_vector(max_pool2d(x[0]), x[0], tanh(x[1]));
                       },
                   .shapes = {{{2, 5, 4, 3}, {2, 5, 4, 3}},
                              {{1, 2, 2, 1}, {1, 2, 2, 1}},
                              {{1, 7, 3, 17}, {1, 7, 3, 17}}},
                   .draw = {distinct},
                   .several = true});
  table.push_back({.name = "average_pool2d, its own gradients",
                   .call =
                       [](std::span<const Var> x) {
                         return recorded_jacobian_vector(average_pool2d(x[0]), x[0], tanh(x[1]));
                       },
                   .shapes = {{{2, 5, 4, 3}, {2, 5, 4, 3}},
                              {{1, 2, 2, 1}, {1, 2, 2, 1}},
                              {{1, 7, 3, 17}, {1, 7, 3, 17}}},
                   .several = true});
  table.push_back(
      {.name = "global_max_pool2d",
       .call = [](std::span<const Var> x) { return global_max_pool2d(x[0]); },
       .shapes = {{{2, 3, 5, 7}}, {{1, 1, 1, 1}}, {{0, 2, 2, 3}}, {{2, 2, 2, 0}}},
       .draw = {distinct},
       .refusals = {{{{2, 0, 5, 7}}, "global_max_pool2d: [2, 0, 5, 7]: an image without pixels"},
                    {{{5, 7}},
                     "global_max_pool2d: [5, 7]: images [n, height, width, channels] are "
                     "expected"}}});
  table.push_back({.name = "global_average_pool2d",
                   .call = [](std::span<const Var> x) { return global_average_pool2d(x[0]); },
                   .shapes = {{{2, 3, 5, 7}}, {{1, 1, 1, 1}}, {{0, 2, 2, 3}}},
                   .refusals = {{{{2, 3, 0, 7}},
                                 "global_average_pool2d: [2, 3, 0, 7]: an image without pixels"}}});
}

}  // namespace metatape::checks
