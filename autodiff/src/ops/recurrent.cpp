// recurrent.cpp: LSTM and GRU.
// One op runs an LSTM over any number of steps, a cell being one step: the weights are packed once,
// and the products of many steps are single ones where none waits for another. The recorded
// pullback of a fused op takes the same computation made of plain ops back.
#include "metatape/autodiff/ops/recurrent.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/recurrent.hpp"
#include "lstm_tiles.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "products.hpp"
#include "record_by_parts.hpp"

namespace metatape {

namespace ops {

namespace {

Var times_transposed(Var a, Var b) { return matmul(a, b, Transpose::no, Transpose::yes); }

}  // namespace

// value [steps + 1, batch, hidden]: h of every step, then the last c. Inputs: x, h, c, W_ih, W_hh
// and perhaps a bias. Keeps the gates of all steps, then their c. Where the weights meet many rows
// lstm_tiles.hpp has the loops; those here do with ordinary products.
struct Lstm {
  using Attributes = LstmExtents;
  static constexpr const char* name = "lstm";
  static std::int64_t kept(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const bool tiles = c.dtype() == DType::f32 && lstm_in_tiles<float>(s);
    return s.steps * s.batch * ((tiles ? kernel::lstm_columns(s.hidden) : 4 * s.hidden) + s.hidden);
  }

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    if (lstm_in_tiles<T>(s)) return lstm_tiles::forward(c, s);
    const T *w_hh = c.input<T>(4), *bias = c.arity() > 5 ? c.input<T>(5) : nullptr;
    T *gates = c.kept<T>(), *cs = gates + 4 * s.steps * s.state(), *y = c.output<T>();
    const std::int64_t rows = s.steps * s.batch;
    const T *h = c.input<T>(1), *before = c.input<T>(2);
    const auto of_x = right_factor(c, Transpose::yes, 4 * s.hidden, s.in, c.input<T>(3), rows);
    const auto of_h = right_factor(c, Transpose::yes, 4 * s.hidden, s.hidden, w_hh, rows);
    for (std::int64_t t = 0; t < s.steps; ++t) {
      T* g = gates + 4 * t * s.state();
      if (t % s.at_once() == 0)
        multiply(c, Transpose::no, std::min(s.at_once(), s.steps - t) * s.batch, of_x,
                 c.input<T>(0) + t * s.batch * s.in, g, false);
      multiply(c, Transpose::no, s.batch, of_h, h, g, true);
      kernel::lstm_step(s.batch, s.hidden, bias, before, g, cs + t * s.state(), y + t * s.state());
      h = y + t * s.state();
      before = cs + t * s.state();
    }
    std::copy_n(before, s.state(), y + s.steps * s.state());
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    if (lstm_in_tiles<T>(s)) return lstm_tiles::pullback(c, s);
    const std::int64_t n = s.state(), wide = 4 * s.hidden, rows = s.steps * s.batch;
    const T *w_ih = c.input<T>(3), *w_hh = c.input<T>(4), *g = c.gradient<T>(), *y = c.output<T>();
    const T *gates = c.kept<T>(), *cs = gates + 4 * s.steps * n;
    T *dz = c.scratch<T>(std::min(s.at_once(), s.steps) * 4 * n), *dc = c.scratch<T>(n);
    T* dh = c.scratch<T>(n);
    std::copy_n(g + s.steps * n, n, dc);
    const auto of_h = right_factor(c, Transpose::no, s.hidden, wide, w_hh, rows);
    const auto of_x =
        c.wants(0) ? right_factor(c, Transpose::no, s.in, wide, w_ih, rows) : RightFactor<T>{};
    bool fresh_x = false, fresh_ih = false, fresh_hh = false;
    T* const dx = c.wants(0) ? c.adjoint<T>(0, fresh_x) : nullptr;
    T* const dw_ih = c.wants(3) ? c.adjoint<T>(3, fresh_ih) : nullptr;
    T* const dw_hh = c.wants(4) ? c.adjoint<T>(4, fresh_hh) : nullptr;
    T* const dbias = c.arity() > 5 && c.wants(5) ? c.adjoint<T>(5) : nullptr;
    if (s.steps == 0) {
      if (fresh_ih) std::fill_n(dw_ih, wide * s.in, T{0});
      if (fresh_hh) std::fill_n(dw_hh, wide * s.hidden, T{0});
    }
    for (std::int64_t end = s.steps, begin = 0; end > 0; end = begin) {
      begin = (end - 1) / s.at_once() * s.at_once();
      for (std::int64_t t = end; t-- > begin;) {
        T* z = dz + (t - begin) * 4 * n;
        kernel::lstm_step_pullback(s.batch, s.hidden, gates + 4 * t * n,
                                   t > 0 ? cs + (t - 1) * n : c.input<T>(2), cs + t * n, g + t * n,
                                   t == s.steps - 1 ? nullptr : dh, dc, z);
        if (t > 0) multiply(c, Transpose::no, s.batch, of_h, z, dh, false);
      }
      const std::int64_t count = (end - begin) * s.batch;
      if (dx) multiply(c, Transpose::no, count, of_x, dz, dx + begin * s.batch * s.in, !fresh_x);
      const bool add = end < s.steps;
      if (dw_ih)
        multiply(c, Transpose::yes, Transpose::no, wide, s.in, count, dz,
                 c.input<T>(0) + begin * s.batch * s.in, dw_ih, add || !fresh_ih);
      if (dw_hh) {  // h before the first step is an input, before the others an output
        const std::int64_t from = std::max<std::int64_t>(begin, 1);
        multiply(c, Transpose::yes, Transpose::no, wide, s.hidden, (end - from) * s.batch,
                 dz + (from - begin) * 4 * n, y + (from - 1) * n, dw_hh, add || !fresh_hh);
        if (begin == 0)
          multiply(c, Transpose::yes, Transpose::no, wide, s.hidden, s.batch, dz, c.input<T>(1),
                   dw_hh, true);
      }
      if (dbias) add_column_sums(dz, count, wide, dbias);
    }
    bool fresh = false;
    if (c.wants(1)) {
      const std::int64_t first = std::min(rows, s.batch);  // 0 without steps
      T* d = c.adjoint<T>(1, fresh);
      multiply(c, Transpose::no, first, of_h, dz, d, !fresh);
      if (fresh) std::fill_n(d + first * s.hidden, n - first * s.hidden, T{0});
    }
    if (c.wants(2)) {
      T* d = c.adjoint<T>(2);
      for (std::int64_t i = 0; i < n; ++i) d[i] += dc[i];
    }
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    record_by_parts(c, [&](std::span<const Var> in) {
      Var z = times_transposed(reshape(in[0], Shape{s.steps, s.batch, s.in}), in[3]);
      if (in.size() > 5) z = z + in[5];
      Var h = in[1], cell = in[2];
      std::vector<Var> values;
      for (std::int64_t t = 0; t < s.steps; ++t) {
        const std::vector<Var> gate = split(row(z, t) + times_transposed(h, in[4]), 4, 1);
        cell = sigmoid(gate[1]) * cell + sigmoid(gate[0]) * tanh(gate[2]);
        h = sigmoid(gate[3]) * tanh(cell);
        values.push_back(h);
      }
      values.push_back(cell);
      return stack(values);
    });
  }
};

// h' = (1 - z) n + z h. Inputs: x, h, W_ih, W_hh and perhaps two biases; keeps r, z, n and the
// recurrent part of n.
struct GruCell {
  struct Attributes {
    std::int64_t batch, in, hidden;
    int bias_ih, bias_hh;  // which input, or 0
  };
  static constexpr const char* name = "gru_cell";
  static std::int64_t kept(const Forward& c) { return 4 * c.size(); }

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const std::int64_t wide = 3 * s.hidden;
    T *a = c.scratch<T>(s.batch * wide), *q = c.scratch<T>(s.batch * wide);
    multiply(c, Transpose::no, Transpose::yes, s.batch, wide, s.in, c.input<T>(0), c.input<T>(2), a,
             false);
    multiply(c, Transpose::no, Transpose::yes, s.batch, wide, s.hidden, c.input<T>(1),
             c.input<T>(3), q, false);
    kernel::gru_step(s.batch, s.hidden, a, q, s.bias_ih ? c.input<T>(s.bias_ih) : nullptr,
                     s.bias_hh ? c.input<T>(s.bias_hh) : nullptr, c.input<T>(1), c.kept<T>(),
                     c.output<T>());
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const std::int64_t wide = 3 * s.hidden;
    T *da = c.scratch<T>(s.batch * wide), *dq = c.scratch<T>(s.batch * wide);
    bool fresh = false;
    T* dh = c.wants(1) ? c.adjoint<T>(1, fresh) : nullptr;
    kernel::gru_step_pullback(s.batch, s.hidden, c.kept<T>(), c.input<T>(1), c.gradient<T>(), da,
                              dq, dh, !fresh);
    if (dh)
      multiply(c, Transpose::no, Transpose::no, s.batch, s.hidden, wide, dq, c.input<T>(3), dh,
               true);
    if (c.wants(0)) {
      T* d = c.adjoint<T>(0, fresh);
      multiply(c, Transpose::no, Transpose::no, s.batch, s.in, wide, da, c.input<T>(2), d, !fresh);
    }
    if (c.wants(2)) {
      T* d = c.adjoint<T>(2, fresh);
      multiply(c, Transpose::yes, Transpose::no, wide, s.in, s.batch, da, c.input<T>(0), d, !fresh);
    }
    if (c.wants(3)) {
      T* d = c.adjoint<T>(3, fresh);
      multiply(c, Transpose::yes, Transpose::no, wide, s.hidden, s.batch, dq, c.input<T>(1), d,
               !fresh);
    }
    if (s.bias_ih && c.wants(s.bias_ih))
      add_column_sums(da, s.batch, wide, c.adjoint<T>(s.bias_ih));
    if (s.bias_hh && c.wants(s.bias_hh))
      add_column_sums(dq, s.batch, wide, c.adjoint<T>(s.bias_hh));
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    record_by_parts(c, [&](std::span<const Var> in) {
      Var a = times_transposed(in[0], in[2]), q = times_transposed(in[1], in[3]);
      if (s.bias_ih) a = a + in[static_cast<std::size_t>(s.bias_ih)];
      if (s.bias_hh) q = q + in[static_cast<std::size_t>(s.bias_hh)];
      const std::vector<Var> ga = split(a, 3, 1), gq = split(q, 3, 1);
      const Var r = sigmoid(ga[0] + gq[0]), z = sigmoid(ga[1] + gq[1]);
      const Var n = tanh(ga[2] + r * gq[2]);
      return n + z * (in[1] - n);
    });
  }
};

namespace {

void require(const char* op, const char* what, const Shape& given, const Shape& expected) {
  if (!(given == expected))
    throw ShapeError(std::string(op) + ": " + what + " " + to_string(given) + ": " +
                     to_string(expected) + " is expected");
}

// The width of the state, whose other extents are held to x's later.
std::int64_t hidden_of(const char* op, const Shape& h) {
  if (h.rank() != 2)
    throw ShapeError(std::string(op) + ": h " + to_string(h) + ": [batch, hidden] is expected");
  return h[1];
}

// The op over x [steps, batch, in]; a cell's x is one step of it.
Var record_lstm(const char* op, Var x, const LstmState& state, Var weight_ih, Var weight_hh,
                Var bias, const Lstm::Attributes& s) {
  require(op, "h", state.h.shape(), {s.batch, s.hidden});
  require(op, "c", state.c.shape(), {s.batch, s.hidden});
  require(op, "weight_ih", weight_ih.shape(), {4 * s.hidden, s.in});
  require(op, "weight_hh", weight_hh.shape(), {4 * s.hidden, s.hidden});
  const Shape value{s.steps + 1, s.batch, s.hidden};
  if (detail::TapeState::is_none(bias))
    return record<Lstm>({x, state.h, state.c, weight_ih, weight_hh}, value, s);
  require(op, "bias", bias.shape(), {4 * s.hidden});
  return record<Lstm>({x, state.h, state.c, weight_ih, weight_hh, bias}, value, s);
}

}  // namespace

}  // namespace ops

LstmState lstm_cell(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias) {
  const Shape& sx = x.shape();
  if (sx.rank() != 2)
    throw ShapeError("lstm_cell: x " + to_string(sx) + ": [batch, in] is expected");
  const Var both =
      ops::record_lstm("lstm_cell", x, state, weight_ih, weight_hh, bias,
                       {1, sx[0], sx[1], ops::hidden_of("lstm_cell", state.h.shape())});
  return {row(both, 0), row(both, 1)};
}

LstmOutput lstm(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias) {
  const Shape& sx = x.shape();
  if (sx.rank() != 3)
    throw ShapeError("lstm: x " + to_string(sx) + ": [steps, batch, in] is expected");
  const std::int64_t steps = sx[0];
  const Var all = ops::record_lstm("lstm", x, state, weight_ih, weight_hh, bias,
                                   {steps, sx[1], sx[2], ops::hidden_of("lstm", state.h.shape())});
  return {rows(all, 0, steps), {steps > 0 ? row(all, steps - 1) : state.h, row(all, steps)}};
}

Var gru_cell(Var x, Var h, Var weight_ih, Var weight_hh, Var bias_ih, Var bias_hh) {
  const Shape &sx = x.shape(), &sh = h.shape();
  if (sx.rank() != 2)
    throw ShapeError("gru_cell: x " + to_string(sx) + ": [batch, in] is expected");
  ops::GruCell::Attributes s{sx[0], sx[1], ops::hidden_of("gru_cell", sh), 0, 0};
  ops::require("gru_cell", "h", sh, {s.batch, s.hidden});
  ops::require("gru_cell", "weight_ih", weight_ih.shape(), {3 * s.hidden, s.in});
  ops::require("gru_cell", "weight_hh", weight_hh.shape(), {3 * s.hidden, s.hidden});
  std::array<Var, 6> inputs{x, h, weight_ih, weight_hh};
  std::size_t count = 4;
  for (const auto& [bias, what, which] :
       {std::tuple{bias_ih, "bias_ih", &s.bias_ih}, std::tuple{bias_hh, "bias_hh", &s.bias_hh}}) {
    if (detail::TapeState::is_none(bias)) continue;
    ops::require("gru_cell", what, bias.shape(), {3 * s.hidden});
    *which = static_cast<int>(count);
    inputs[count++] = bias;
  }
  return record<ops::GruCell>(std::span<const Var>(inputs.data(), count), sh, s);
}

}  // namespace metatape
