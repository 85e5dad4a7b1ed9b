// engine.cpp: the rows of what is not an op of mathematics: recomputation, known gradients, cuts,
// users' ops.
#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/custom.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "row.hpp"

namespace metatape::checks {

void add_engine(std::vector<Row>& table) {
  table.push_back({.name = "checkpoint",
                   .call =
                       [](std::span<const Var> x) {
                         const Var captured = x[1] * 0.5;  // used inside, not passed
                         return checkpoint(
                             [captured](std::span<const Var> in) {
                               return tanh(in[0] * captured) + square(in[0]);
                             },
                             {x[0]});
                       },
                   .shapes = {{{3}, {3}}, {{1, 1}, {1}}, {{2, 5}, {5}}, {{0, 3}, {3}}},
                   .several = true});
  table.push_back({.name = "known_gradient",
                   .call =
                       [](std::span<const Var> x) {
                         // f = |x|² / 2, whose gradient is x
                         const Tensor value = x[0].value();
                         double f = 0;
                         for (const double e : value.to_vector()) f += 0.5 * e * e;
                         return known_gradient(f, x[0], value);
                       },
                   .shapes = {{{1}}, {{7}}, {{2, 3}}, {{0}}},
                   .second_order = false});
  table.push_back({.name = "stop_gradient",
                   .call = [](std::span<const Var> x) { return stop_gradient(x[0]); },
                   .shapes = {{{}}, {{1}}, {{2, 3}}},
                   .differentiable = false});
  table.push_back({.name = "apply",
                   .call =
                       [](std::span<const Var> x) {
                         CustomOp cube;
                         cube.name = "cube";
                         cube.forward = [](std::span<const Tensor> in) {
                           Tape tape{Recording::off};
                           const Var v = tape.constant(in[0]);
                           return (v * v * v).value();
                         };
                         cube.pullback = [](std::span<const Tensor> in, const Tensor&,
                                            const Tensor& g) {
                           Tape tape{Recording::off};
                           const Var v = tape.constant(in[0]);
                           return std::vector{(tape.constant(g) * square(v) * 3.0).value()};
                         };
                         cube.recorded = [](std::span<const Var> in, Var, Var g) {
                           return std::vector{g * square(in[0]) * 3.0};
                         };
                         return apply(cube, {x[0]});
                       },
                   .shapes = {{{1}}, {{5}}, {{2, 3}}}});
  table.push_back({.name = "recorded_grad",
                   .call =
                       [](std::span<const Var> x) {
                         // A record of its own, so that the derivative with respect to it stays
                         // partial when the harness gives one record as both inputs.
                         const Var at = x[0] * 1.0;
                         return recorded_grad(sum(square(at) * tanh(x[1])), at);
                       },
                   .shapes = {{{1}, {1}}, {{5}, {5}}, {{2, 3}, {3}}},
                   .several = true});
  table.push_back({.name = "recorded_jacobian_vector",
                   .call =
                       [](std::span<const Var> x) {
                         return recorded_jacobian_vector(tanh(x[0]) * x[0], x[0], x[1]);
                       },
                   .shapes = {{{1}, {1}}, {{5}, {5}}, {{2, 3}, {2, 3}}},
                   .several = true});
}

}  // namespace metatape::checks
