// row.hpp: one line of the table that every op stands in.
// A row names a public function, calls it, and says on which shapes and values. The harness (run in
// check_ops.cpp) knows the rest: first order against central differences, recorded against fast,
// second order, float32 against float64, the gradient beside other uses of the same inputs, refused
// inputs, hard points.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "metatape/autodiff/check.hpp"
#include "metatape/autodiff/op_checks.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::checks {

/// How inputs are drawn. Draw away from kinks rather than loosen a tolerance.
struct Draw {
  double low = -2, high = 2;  ///< uniform in [low, high)
  double gap = 0;             ///< |x| is at least this (keeps away from a kink at 0)
  bool distinct = false;      ///< a shuffled grid over [low, high): no two elements are close
};

/// A hard point: inputs (flat values for input shapes given) and the values expected.
struct Point {
  std::vector<Tensor> inputs;  ///< float64; float32 is tried too, on the rounded values
  Tensor expected;             ///< NaN equals NaN; within 1e-12 relative (float32: 1e-6)
};

/// Inputs that must be refused, with the exact text.
struct Refusal {
  std::vector<Shape> shapes;
  std::string message;
};

struct Row {
  std::string name;                        ///< the public function's
  CheckedFunction call;                    ///< of float32 or float64 Vars alike
  std::vector<std::vector<Shape>> shapes;  ///< input shapes, case by case: at least 3 cases
  std::vector<Draw> draw = {Draw{}};       ///< for each input, or one for all
  bool differentiable = true;              ///< false: values only (sign, comparisons)
  bool second_order = true;                ///< false: says why in docs
  std::vector<Point> points = {};
  std::vector<Refusal> refusals = {};
  bool several =
      false;  ///< `call` is of several functions: one may refuse what others have made of
};

// The table, a family a file.
void add_binary(std::vector<Row>& table);
void add_elementwise(std::vector<Row>& table);
void add_structure(std::vector<Row>& table);
void add_indexing(std::vector<Row>& table);
void add_reduce(std::vector<Row>& table);
void add_matmul(std::vector<Row>& table);
void add_convolution(std::vector<Row>& table);
void add_normalization(std::vector<Row>& table);
void add_recurrent(std::vector<Row>& table);
void add_columnwise(std::vector<Row>& table);
void add_linalg(std::vector<Row>& table);
void add_engine(std::vector<Row>& table);  // checkpoint, known_gradient, stop_gradient, users' ops

/// All of them, in that order.
const std::vector<Row>& table();
/// Inputs of one of a row's cases, float64.
std::vector<Tensor> inputs_of(const Row& row, std::size_t shape_case, Key key);
/// What check_op does, for a row that need not stand in the table.
OpReport check_row(const Row& row, const CheckOptions& options = {});

}  // namespace metatape::checks
