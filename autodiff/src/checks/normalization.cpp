// normalization.cpp: softmax and its losses at far and infinite logits, normalisations on batches
// of one, single channels and row counts that need more than one block.
#include <limits>

#include "metatape/autodiff/gradients.hpp"
#include "row.hpp"

namespace metatape::checks {

namespace {

CheckedFunction along(Var (*f)(Var, int), int axis) {
  return [f, axis](std::span<const Var> x) { return f(x[0], axis); };
}

// Labels 0, 2, 4, ... round the classes.
Indices labels(const Shape& logits) {
  std::vector<std::int32_t> l;
  for (std::int64_t i = 0; i < logits[0]; ++i)
    l.push_back(static_cast<std::int32_t>(2 * i % logits[1]));
  return Indices(std::move(l));
}

void add_softmax(std::vector<Row>& table) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<Shape>> shapes{{{0, 3}}, {{1, 1}}, {{7, 5}}, {{2, 3, 11}},
                                               {{17}},   {{2, 0}}, {{5, 67}}};
  table.push_back(
      {.name = "softmax",
       .call = along(softmax, -1),
       .shapes = shapes,
       .points = {{.inputs = {Tensor({2}, {1000.0, 0.0})}, .expected = Tensor({2}, {1.0, 0.0})},
                  {.inputs = {Tensor({2}, {-inf, 0.0})}, .expected = Tensor({2}, {0.0, 1.0})},
                  {.inputs = {Tensor({2}, {nan, 0.0})}, .expected = Tensor({2}, {nan, nan})}},
       .refusals = {{{{}}, "softmax: []: a scalar has no axis -1"}}});
  table.push_back({.name = "softmax, first axis",
                   .call = along(softmax, 0),
                   .shapes = {{{5, 7}}, {{1, 3}}, {{3, 2, 2}}, {{3, 0}}, {{9, 37}}}});
  table.push_back({.name = "softmax, middle axis",
                   .call = along(softmax, 1),
                   .shapes = {{{2, 5, 3}}, {{1, 1, 1}}, {{2, 3}}},
                   .refusals = {{{{3}}, "softmax: [3]: there is no axis 1"}}});
  table.push_back(
      {.name = "log_softmax",
       .call = along(log_softmax, -1),
       .shapes = shapes,
       .points = {{.inputs = {Tensor({2}, {1000.0, 0.0})}, .expected = Tensor({2}, {0.0, -1000.0})},
                  {.inputs = {Tensor({2}, {-inf, 0.0})}, .expected = Tensor({2}, {-inf, 0.0})},
                  {.inputs = {Tensor({1}, {-700.0})}, .expected = Tensor({1}, {0.0})}},
       .refusals = {{{{}}, "log_softmax: []: a scalar has no axis -1"}}});
  table.push_back({.name = "log_softmax, first axis",
                   .call = along(log_softmax, 0),
                   .shapes = {{{5, 7}}, {{1, 3}}, {{3, 2, 2}}, {{3, 0}}, {{9, 37}}}});
}

void add_losses(std::vector<Row>& table) {
  table.push_back(
      {.name = "softmax_cross_entropy",
       .call =
           [](std::span<const Var> x) {
             const Shape& s = x[0].shape();
             return softmax_cross_entropy(x[0],
                                          labels(s.rank() == 2 && s[1] > 0 ? s : Shape{0, 1}));
           },
       .shapes = {{{3, 5}}, {{1, 1}}, {{7, 2}}, {{37, 67}}},
       .points = {{.inputs = {Tensor({1, 2}, {1000.0, 0.0})}, .expected = Tensor({}, {0.0})},
                  {.inputs = {Tensor({1, 2}, {0.0, 1000.0})}, .expected = Tensor({}, {1000.0})}},
       .refusals = {
           {{{0, 4}}, "softmax_cross_entropy: logits [0, 4]: the mean of nothing is not a loss"},
           {{{4}}, "softmax_cross_entropy: logits [4]: [n, classes] is expected"},
           {{{3, 0}},
            "softmax_cross_entropy: logits [3, 0], labels [0]: one label a row is "
            "needed"}}});
  table.push_back(
      {.name = "softmax_cross_entropy, a label out of range",
       .call =
           [](std::span<const Var> x) {
             return softmax_cross_entropy(x[0], Indices({0, 1, 2}));
           },
       .shapes = {{{3, 5}}, {{3, 3}}, {{3, 7}}},
       .refusals = {{{{3, 2}}, "softmax_cross_entropy: label 2 at row 2 is not in [0, 2)"}}});
  table.push_back(
      {.name = "softmax_cross_entropy, probabilities",
       .call = [](std::span<const Var> x) { return softmax_cross_entropy(x[0], x[1]); },
       .shapes = {{{3, 5}, {3, 5}}, {{1, 1}, {1, 1}}, {{7, 2}, {7, 2}}},
       .draw = {{}, {.low = 0, .high = 1}},
       .refusals = {{{{3, 5}, {3, 4}},
                     "softmax_cross_entropy: logits [3, 5], targets [3, 4]: equal shapes are "
                     "needed"},
                    {{{0, 5}, {0, 5}},
                     "softmax_cross_entropy: logits [0, 5]: the mean of nothing is not a loss"}}});
  table.push_back(
      {.name = "sigmoid_cross_entropy",
       .call = [](std::span<const Var> x) { return sigmoid_cross_entropy(x[0], x[1]); },
       .shapes = {{{3, 5}, {3, 5}}, {{1}, {1}}, {{}, {}}, {{7, 2, 3}, {7, 2, 3}}},
       .draw = {{}, {.low = 0, .high = 1}},
       .points = {{.inputs = {Tensor({1}, {1000.0}), Tensor({1}, {1.0})},
                   .expected = Tensor({}, {0.0})},
                  {.inputs = {Tensor({1}, {-1000.0}), Tensor({1}, {1.0})},
                   .expected = Tensor({}, {1000.0})}},
       .refusals = {
           {{{3}, {4}}, "sigmoid_cross_entropy: logits [3], targets [4]: equal shapes are needed"},
           {{{0}, {0}}, "sigmoid_cross_entropy: logits [0]: the mean of nothing is not a loss"}}});
}

// What the derivatives of a fused normalisation are made of, differentiated themselves, so that
// batch_norm_relu_gradient is checked to second order too. The cotangent depends on all inputs.
CheckedFunction gradient_of(Var (*f)(Var, Var, Var, double)) {
  return [f](std::span<const Var> x) {
    const Var y = f(x[0], x[1], x[2], 1e-5);
    const std::vector<Var> d = recorded_vector_jacobian(y, x, y);
    return concat({flatten(d[0]), d[1], d[2]});
  };
}

}  // namespace

void add_normalization(std::vector<Row>& table) {
  add_softmax(table);
  add_losses(table);
  const Draw any{}, scale{.low = 0.5, .high = 1.5}, positive{.low = 0.5, .high = 2};
  table.push_back({.name = "batch_statistics",
                   .call =
                       [](std::span<const Var> x) {
                         const BatchStatistics s = batch_statistics(x[0]);
                         return stack({s.mean, s.variance});
                       },
                   .shapes = {{{7, 3}}, {{1, 1}}, {{5}}, {{2, 3, 5, 2}}, {{3, 0}}, {{521, 67}}},
                   .points = {{.inputs = {Tensor({2, 1}, {1.0, 4.0})},
                               .expected = Tensor({2, 1}, {2.5, 2.25})}},
                   .refusals = {{{{0, 3}}, "batch_statistics: [0, 3]: a channel has no elements"},
                                {{{}}, "batch_statistics: []: a scalar has no channels"}}});
  table.push_back(
      {.name = "batch_norm",
       .call = [](std::span<const Var> x) { return batch_norm(x[0], x[1], x[2]); },
       .shapes = {{{7, 3}, {3}, {3}},
                  {{2, 3, 5, 2}, {2}, {2}},
                  {{3, 1}, {1}, {1}},
                  {{3, 0}, {0}, {0}},
                  {{271, 64}, {64}, {64}},
                  {{13, 67}, {67}, {67}}},
       .draw = {any, scale, any},
       .points = {{.inputs = {Tensor({2, 1}, {5.0, 5.0}), Tensor({1}, {2.0}), Tensor({1}, {7.0})},
                   .expected = Tensor({2, 1}, {7.0, 7.0})}},
       .refusals = {{{{2, 3}, {2}, {3}}, "batch_norm: x [2, 3], gamma [2]: [3] is expected"},
                    {{{2, 3}, {3}, {4}}, "batch_norm: x [2, 3], beta [4]: [3] is expected"},
                    {{{0, 3}, {3}, {3}}, "batch_norm: [0, 3]: a channel has no elements"},
                    {{{}, {3}, {3}}, "batch_norm: []: a scalar has no channels"}}});
  // Kept from the kinks: a channel is above zero as a whole or not at all, and no two pixels of a
  // window are close. Masks inside a channel are left to the comparison with the single ops.
  const Draw apart{.distinct = true}, small{.low = 0.1, .high = 0.15}, far{.gap = 0.5};
  table.push_back(
      {.name = "batch_norm_relu",
       .call = [](std::span<const Var> x) { return batch_norm_relu(x[0], x[1], x[2]); },
       .shapes = {{{7, 3}, {3}, {3}},
                  {{2, 3, 5, 2}, {2}, {2}},
                  {{3, 1}, {1}, {1}},
                  {{3, 0}, {0}, {0}},
                  {{13, 67}, {67}, {67}}},
       .draw = {apart, small, far},
       .points = {{.inputs = {Tensor({2, 1}, {5.0, 7.0}), Tensor({1}, {0.0}), Tensor({1}, {-1.0})},
                   .expected = Tensor({2, 1}, {0.0, 0.0})}},
       .refusals = {{{{2, 3}, {2}, {3}}, "batch_norm_relu: x [2, 3], gamma [2]: [3] is expected"},
                    {{{0, 3}, {3}, {3}}, "batch_norm_relu: [0, 3]: a channel has no elements"}}});
  table.push_back(
      {.name = "batch_norm_relu_pool",
       .call = [](std::span<const Var> x) { return batch_norm_relu_pool(x[0], x[1], x[2]); },
       .shapes = {{{2, 3, 5, 2}, {2}, {2}},
                  {{1, 2, 2, 1}, {1}, {1}},
                  {{3, 4, 7, 17}, {17}, {17}},
                  {{2, 5, 4, 33}, {33}, {33}},
                  {{1, 2, 3, 0}, {0}, {0}}},
       .draw = {apart, small, far},
       .points = {{.inputs = {Tensor({1, 2, 2, 1}, {5.0, 7.0, 7.0, 5.0}), Tensor({1}, {0.0}),
                              Tensor({1}, {3.0})},
                   .expected = Tensor({1, 1, 1, 1}, {3.0})}},
       .refusals = {{{{2, 3}, {3}, {3}},
                     "batch_norm_relu_pool: [2, 3]: images [n, height, width, channels] of at "
                     "least 2 x 2 are expected"},
                    {{{2, 1, 3, 4}, {4}, {4}},
                     "batch_norm_relu_pool: [2, 1, 3, 4]: images [n, height, width, channels] of "
                     "at least 2 x 2 are expected"}}});
  table.push_back({.name = "batch_norm_relu, its gradient",
                   .call = gradient_of(batch_norm_relu),
                   .shapes = {{{7, 3}, {3}, {3}}, {{3, 1}, {1}, {1}}, {{13, 37}, {37}, {37}}},
                   .draw = {apart, small, far}});
  table.push_back(
      {.name = "batch_norm_relu_pool, its gradient",
       .call = gradient_of(batch_norm_relu_pool),
       .shapes = {{{2, 3, 5, 2}, {2}, {2}}, {{1, 2, 2, 1}, {1}, {1}}, {{3, 4, 5, 17}, {17}, {17}}},
       .draw = {apart, small, far}});
  table.push_back(
      {.name = "batch_norm, statistics given",
       .call =
           [](std::span<const Var> x) {
             return batch_norm(x[0], x[1], x[2], {x[3], x[4]});
           },
       .shapes = {{{7, 3}, {3}, {3}, {3}, {3}},
                  {{2, 3, 5, 2}, {2}, {2}, {2}, {2}},
                  {{1, 1}, {1}, {1}, {1}, {1}},
                  {{0, 3}, {3}, {3}, {3}, {3}},
                  {{271, 64}, {64}, {64}, {64}, {64}}},
       .draw = {any, scale, any, any, positive},
       .refusals = {
           {{{2, 3}, {3}, {3}, {2}, {3}}, "batch_norm: x [2, 3], mean [2]: [3] is expected"},
           {{{2, 3}, {3}, {3}, {3}, {}}, "batch_norm: x [2, 3], variance []: [3] is expected"}}});
  table.push_back(
      {.name = "layer_norm",
       .call = [](std::span<const Var> x) { return layer_norm(x[0], x[1], x[2]); },
       .shapes = {{{7, 5}, {5}, {5}},
                  {{2, 3, 4}, {4}, {4}},
                  {{3}, {3}, {3}},
                  {{0, 3}, {3}, {3}},
                  {{271, 67}, {67}, {67}}},
       .draw = {any, scale, any},
       .points = {{.inputs = {Tensor({2}, {5.0, 5.0}), Tensor({2}, {2.0, 3.0}),
                              Tensor({2}, {7.0, 8.0})},
                   .expected = Tensor({2}, {7.0, 8.0})}},
       .refusals = {{{{2, 3}, {2}, {3}}, "layer_norm: x [2, 3], gamma [2]: [3] is expected"},
                    {{{2, 0}, {0}, {0}}, "layer_norm: [2, 0]: a row has no elements"},
                    {{{}, {1}, {1}}, "layer_norm: []: a scalar has no channels"}}});
}

}  // namespace metatape::checks
