// linalg.cpp: factors and solves. Their inputs are built inside the call, symmetric and well away
// from singular, so that a move of any entry stays in the domain.
#include "row.hpp"

namespace metatape::checks {

namespace {

// x + value 1
Var shifted(Var x, double value) {
  const std::int64_t n = x.shape()[0];
  return x + x.tape().constant(Tensor::identity(n, x.dtype())) * value;
}

// Symmetric positive definite for every x.
Var positive(Var x) {
  return shifted(matmul(x, x, Transpose::no, Transpose::yes),
                 static_cast<double>(x.shape()[0] + 1));
}

CheckedFunction solve(Triangle triangle, bool transposed) {
  return [=](std::span<const Var> x) {
    return triangular_solve(shifted(x[0], 4), x[1], triangle, transposed);
  };
}

}  // namespace

void add_linalg(std::vector<Row>& table) {
  const Draw small{.low = -1, .high = 1};
  table.push_back({.name = "cholesky",
                   .call = [](std::span<const Var> x) { return cholesky(positive(x[0])); },
                   .shapes = {{{0, 0}}, {{1, 1}}, {{2, 2}}, {{5, 5}}, {{7, 3}}, {{23, 23}}},
                   .draw = {small}});
  table.push_back(
      {.name = "cholesky, as given",
       .call = [](std::span<const Var> x) { return cholesky(x[0]); },
       .shapes = {{{1, 1}}, {{1, 1}}, {{0, 0}}},
       .draw = {{.low = 1, .high = 4}},
       .points = {{.inputs = {Tensor({2, 2}, {4.0, 99.0, 2.0, 10.0})},
                   .expected = Tensor({2, 2}, {2.0, 0.0, 1.0, 3.0})}},
       .refusals = {
           {{{2, 3}}, "cholesky: [2, 3]: a square matrix is needed"},
           {{{3}}, "cholesky: [3]: a square matrix is needed"},
           {{{3, 3}},
            "cholesky: [3, 3]: pivot 0 is 0.000000: the matrix is not positive definite"}}});
  table.push_back(
      {.name = "triangular_solve",
       .call = solve(Triangle::lower, false),
       .shapes =
           {{{0, 0}, {0}}, {{1, 1}, {1}}, {{3, 3}, {3}}, {{5, 5}, {5, 2}}, {{23, 23}, {23, 7}}},
       .draw = {small},
       .points = {{.inputs = {Tensor({2, 2}, {-2.0, 5.0, 1.0, 0.0}), Tensor({2}, {2.0, 9.0})},
                   .expected = Tensor({2}, {1.0, 2.0})}},
       .several = true});
  table.push_back({.name = "triangular_solve, lower turned",
                   .call = solve(Triangle::lower, true),
                   .shapes = {{{3, 3}, {3}}, {{5, 5}, {5, 2}}, {{2, 2}, {2, 0}}},
                   .draw = {small},
                   .several = true});
  table.push_back({.name = "triangular_solve, upper",
                   .call = solve(Triangle::upper, false),
                   .shapes = {{{3, 3}, {3}}, {{5, 5}, {5, 2}}, {{1, 1}, {1, 3}}},
                   .draw = {small},
                   .several = true});
  table.push_back({.name = "triangular_solve, upper turned",
                   .call = solve(Triangle::upper, true),
                   .shapes = {{{3, 3}, {3}}, {{5, 5}, {5, 2}}, {{1, 1}, {1, 3}}},
                   .draw = {small},
                   .several = true});
  table.push_back(
      {.name = "triangular_solve, as given",
       .call = [](std::span<const Var> x) { return triangular_solve(x[0], x[1]); },
       .shapes = {{{1, 1}, {1}}, {{1, 1}, {1, 3}}, {{0, 0}, {0}}},
       .draw = {{.low = 1, .high = 3}},
       .refusals = {{{{2, 3}, {2}}, "triangular_solve: [2, 3]: a square matrix is needed"},
                    {{{3, 3}, {4}},
                     "triangular_solve: [3, 3] and [4]: the right side must be [3] or [3, k]"},
                    {{{2, 2}, {2, 2, 2}},
                     "triangular_solve: [2, 2] and [2, 2, 2]: the right side must be [2] or "
                     "[2, k]"},
                    {{{3, 3}, {3}}, "triangular_solve: [3, 3]: element 0 of the diagonal is 0"}}});
  table.push_back({.name = "logdet",
                   .call = [](std::span<const Var> x) { return logdet(positive(x[0])); },
                   .shapes = {{{0, 0}}, {{1, 1}}, {{3, 3}}, {{5, 7}}, {{19, 19}}},
                   .draw = {small}});
}

}  // namespace metatape::checks
