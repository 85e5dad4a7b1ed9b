// columnwise.cpp: weights x columns, panel by panel of 64 (kernels/panels.hpp).
// A panel that is whole is read and written where it lies; the last one, narrower, goes through a
// copy with columns of zeros, whose cotangents are zero too and so add nothing anywhere.
#include "metatape/autodiff/ops/columnwise.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "kernels/panels.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/elementwise.hpp"
#include "metatape/autodiff/ops/matmul.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "record_by_parts.hpp"

namespace metatape {

namespace ops {

namespace {

using kernel::panel;
using kernel::PanelPair;
using kernel::PanelRows;

std::int64_t panels_of(std::int64_t columns) { return (columns + panel - 1) / panel; }

// Columns [first, first + count) of arrays with `columns` of them.
struct Part {
  std::int64_t columns, first, count;
  Part(std::int64_t n, std::int64_t p)
      : columns(n), first(p * panel), count(std::min(panel, n - p * panel)) {}
  [[nodiscard]] bool whole() const { return count == panel; }

  // Rows to be read; `copy` holds rows * panel elements and is used where the panel is not whole.
  template <class T>
  PanelRows<const T> read(const T* from, std::int64_t rows, T* copy) const {
    if (whole()) return {from + first, columns};
    for (std::int64_t r = 0; r < rows; ++r) {
      T* to = copy + r * panel;
      std::copy_n(from + r * columns + first, count, to);
      std::fill_n(to + count, panel - count, T{0});
    }
    return {copy, panel};
  }
  // Where rows are to be written; what lands in `copy` is to be put in its place by `written`.
  template <class T>
  PanelRows<T> write(T* to, T* copy) const {
    return whole() ? PanelRows<T>{to + first, columns} : PanelRows<T>{copy, panel};
  }
  template <class T>
  void written(T* to, std::int64_t rows, const T* copy) const {
    if (whole()) return;
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(copy + r * panel, count, to + r * columns + first);
  }
  // Puts a panel in its place, or adds it to what is there.
  template <class T>
  void put(T* to, std::int64_t rows, PanelRows<const T> values, bool add) const {
    for (std::int64_t r = 0; r < rows; ++r) {
      T* const into = to + r * columns + first;
      const T* const from = values.data + r * values.stride;
      if (add)
        for (std::int64_t j = 0; j < count; ++j) into[j] += from[j];
      else
        std::copy_n(from, count, into);
    }
  }
};

template <class T>
PanelRows<const T> constant(PanelRows<T> rows) {
  return {rows.data, rows.stride};
}

// ---- y = W x + b

struct LinearColumns {
  struct Attributes {
    std::int64_t steps, in, out, columns;
  };
  static constexpr const char* name = "linear_columns";

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const T *x = c.input<T>(0), *w = c.input<T>(1), *bias = c.arity() > 2 ? c.input<T>(2) : nullptr;
    T *y = c.output<T>(), *x_copy = c.scratch<T>(s.in * panel), *copy = c.scratch<T>(s.out * panel);
    for (std::int64_t p = 0; p < panels_of(s.columns); ++p) {
      const Part part(s.columns, p);
      for (std::int64_t t = 0; t < s.steps; ++t) {
        T* to = y + t * s.out * s.columns;
        kernel::panel_multiply(s.out, s.in, w, bias,
                               part.read(x + t * s.in * s.columns, s.in, x_copy),
                               part.write(to, copy));
        part.written(to, s.out, copy);
      }
    }
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const T *x = c.input<T>(0), *w = c.input<T>(1), *g = c.gradient<T>();
    bool fresh = false;
    T* dx = c.wants(0) ? c.adjoint<T>(0, fresh) : nullptr;
    T* dw = c.wants(1) ? c.adjoint<T>(1) : nullptr;
    T* db = c.arity() > 2 && c.wants(2) ? c.adjoint<T>(2) : nullptr;
    T *x_copy = c.scratch<T>(s.steps * s.in * panel), *gs = c.scratch<T>(s.steps * s.out * panel);
    T* dx_copy = c.scratch<T>(s.in * panel);
    auto* const pairs = c.scratch<PanelPair<T>>(s.steps);
    for (std::int64_t p = 0; p < panels_of(s.columns); ++p) {
      const Part part(s.columns, p);
      const PanelRows<const T> xs = part.read(x, s.steps * s.in, x_copy);
      for (std::int64_t r = 0; r < s.steps * s.out; ++r) {
        std::copy_n(g + r * s.columns + part.first, part.count, gs + r * panel);
        std::fill_n(gs + r * panel + part.count, panel - part.count, T{0});
      }
      for (std::int64_t t = 0; t < s.steps; ++t)
        pairs[t] = {gs + t * s.out * panel, xs.from(t * s.in)};
      const std::span<const PanelPair<T>> all(pairs, static_cast<std::size_t>(s.steps));
      if (dw || db) kernel::panel_outer(s.out, s.in, all, dw, db);
      for (std::int64_t t = 0; dx && t < s.steps; ++t) {
        kernel::panel_multiply_turned(s.out, s.in, w, gs + t * s.out * panel,
                                      PanelRows<T>{dx_copy, panel}, false);
        part.put(dx + t * s.in * s.columns, s.in, PanelRows<const T>{dx_copy}, !fresh);
      }
    }
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    record_by_parts(c, [&](std::span<const Var> in) {
      const Var y = matmul(in[1], in[0]);
      return in.size() > 2 ? y + reshape(in[2], Shape{s.out, 1}) : y;
    });
  }
};

// ---- the LSTM: value [steps + 1, hidden, columns], h of every step and then the last c.
// Keeps panel by panel, step by step: gates [4 hidden, panel], c [hidden, panel].

struct LstmColumns {
  struct Attributes {
    std::int64_t steps, in, hidden, columns;
    [[nodiscard]] std::int64_t state() const { return hidden * columns; }
  };
  static constexpr const char* name = "lstm_columns";
  static constexpr std::int64_t cached = std::int64_t{1} << 17;  // elements of dz at once: half L2

  static bool recording(const Forward& c) {
    bool differentiable = false;
    for (int i = 0; i < c.arity(); ++i)
      differentiable = differentiable || c.state().node(c.node().inputs[i]).differentiable;
    return differentiable && c.state().options.recording == Recording::on;
  }
  static std::int64_t kept(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    return recording(c) ? panels_of(s.columns) * s.steps * 5 * s.hidden * panel : 0;
  }

  template <Scalar T>
  static kernel::PanelLstm<T> layer(const detail::OpContext& c) {
    const auto& s = c.attributes<Attributes>();
    return {s.in, s.hidden, c.input<T>(3), c.input<T>(4), c.arity() > 5 ? c.input<T>(5) : nullptr};
  }

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    const auto net = layer<T>(c);
    const std::int64_t size = s.hidden * panel;
    T* kept = recording(c) ? c.kept<T>() : nullptr;
    T *y = c.output<T>(), *x_copy = c.scratch<T>(s.in * panel), *h_copy = c.scratch<T>(2 * size);
    T *c_copy = c.scratch<T>(size), *cell = c.scratch<T>(size);
    for (std::int64_t p = 0; p < panels_of(s.columns); ++p) {
      const Part part(s.columns, p);
      PanelRows<const T> h = part.read(c.input<T>(1), s.hidden, h_copy + size);
      PanelRows<const T> before = part.read(c.input<T>(2), s.hidden, c_copy);
      for (std::int64_t t = 0; t < s.steps; ++t) {
        T *gates = nullptr, *next = cell, *to = y + t * s.state();
        if (kept) {
          gates = kept + (p * s.steps + t) * 5 * size;
          next = gates + 4 * size;
        }
        T* copy = h_copy + (t % 2) * size;  // the step before wrote the other
        const PanelRows<T> out = part.write(to, copy);
        kernel::panel_lstm(net, part.read(c.input<T>(0) + t * s.in * s.columns, s.in, x_copy), h,
                           before, gates, PanelRows<T>{next, panel}, out);
        part.written(to, s.hidden, copy);
        h = constant(out);
        before = {next, panel};
      }
      for (std::int64_t u = 0; u < s.hidden; ++u)
        std::copy_n(before.data + u * before.stride, part.count,
                    y + s.steps * s.state() + u * s.columns + part.first);
    }
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    const auto& s = c.attributes<Attributes>();
    const auto net = layer<T>(c);
    // A step's gate gradients are a little apart from the next one's: sums over steps go through
    // the same rows of all of them, which at a multiple of 4 KiB would share a set of the cache.
    const std::int64_t size = s.hidden * panel, gates_size = 4 * size + 5 * panel;
    const std::int64_t panels = panels_of(s.columns);
    const auto adjoint = [&](int i) {
      return i < c.arity() && c.wants(i) ? c.adjoint<T>(i) : nullptr;
    };
    std::array<bool, 3> fresh{};
    const auto overwritten = [&](int i) {
      return c.wants(i) ? c.adjoint<T>(i, fresh[static_cast<std::size_t>(i)]) : nullptr;
    };
    T *dx = overwritten(0), *dc0 = overwritten(2);
    T* dh0 = s.steps > 0 ? overwritten(1) : adjoint(1);
    T *dw_ih = adjoint(3), *dw_hh = adjoint(4), *db = adjoint(5);

    // Gate gradients of several panels are gathered before the sums over columns are taken: the
    // lanes of a sum are added only once for all of them.
    const std::int64_t group =
        std::clamp<std::int64_t>(cached / std::max<std::int64_t>(s.steps * 4 * size, 1), 1,
                                 std::max<std::int64_t>(panels, 1));
    T* dz = c.scratch<T>(group * s.steps * gates_size);
    T *x_copy = c.scratch<T>(s.steps * s.in * panel), *y_copy = c.scratch<T>(s.steps * size);
    T *g_copy = c.scratch<T>(s.steps * size), *h_copy = c.scratch<T>(size);
    T *c_copy = c.scratch<T>(size), *dc = c.scratch<T>(size), *dh = c.scratch<T>(size);
    T* dx_copy = c.scratch<T>(s.in * panel);
    auto* const of_x = c.scratch<PanelPair<T>>(group * s.steps);
    auto* const of_h = c.scratch<PanelPair<T>>(group * s.steps);
    std::size_t gathered = 0;
    for (std::int64_t p = 0; p < panels; ++p) {
      const Part part(s.columns, p);
      const T* kept = c.kept<T>() + p * s.steps * 5 * size;
      T* dz_panel = dz + (p % group) * s.steps * gates_size;
      const auto xs = part.read(c.input<T>(0), s.steps * s.in, x_copy);
      const auto ys = part.read(c.output<T>(), s.steps * s.hidden, y_copy);
      const auto gs = part.read(c.gradient<T>(), s.steps * s.hidden, g_copy);
      const auto h0 = part.read(c.input<T>(1), s.hidden, h_copy);
      const auto c0 = part.read(c.input<T>(2), s.hidden, c_copy);
      auto dc_after = part.read(c.gradient<T>() + s.steps * s.state(), s.hidden, dc);
      // What of h0 and c0 is untouched and a whole panel is written where it belongs.
      const bool dh_direct = part.whole() && dh0 && fresh[1];
      const bool dc_direct = part.whole() && dc0 && fresh[2] && s.steps > 0;
      for (std::int64_t t = s.steps; t-- > 0;) {
        const T* gates = kept + t * 5 * size;
        T* z = dz_panel + t * gates_size;
        const PanelRows<T> in_copy{dc, panel};
        kernel::panel_lstm_pullback(
            s.hidden, gates, t > 0 ? PanelRows<const T>{gates - size, panel} : c0,
            PanelRows<const T>{gates + 4 * size, panel}, gs.from(t * s.hidden),
            t == s.steps - 1 ? nullptr : dh, dc_after,
            t == 0 && dc_direct ? PanelRows<T>{dc0 + part.first, s.columns} : in_copy, z);
        dc_after = constant(in_copy);
        if (t > 0 || dh0)
          kernel::panel_multiply_turned(4 * s.hidden, s.hidden, net.w_hh, z,
                                        t == 0 && dh_direct
                                            ? PanelRows<T>{dh0 + part.first, s.columns}
                                            : PanelRows<T>{dh, panel},
                                        false);
        if (dx) {
          T* to = dx + t * s.in * s.columns;
          const bool direct = part.whole();
          kernel::panel_multiply_turned(4 * s.hidden, s.in, net.w_ih, z, part.write(to, dx_copy),
                                        direct && !fresh[0]);
          if (!direct) part.put(to, s.in, PanelRows<const T>{dx_copy}, !fresh[0]);
        }
        of_x[gathered] = {z, xs.from(t * s.in)};
        of_h[gathered++] = {z, t > 0 ? ys.from((t - 1) * s.hidden) : h0};
      }
      if (dh0 && s.steps > 0 && !dh_direct)
        part.put(dh0, s.hidden, PanelRows<const T>{dh}, !fresh[1]);
      if (dc0 && !dc_direct) part.put(dc0, s.hidden, dc_after, !fresh[2]);
      if ((p + 1) % group == 0 || p == panels - 1) {
        const std::span<const PanelPair<T>> with_x(of_x, gathered), with_h(of_h, gathered);
        T* const no_sums = nullptr;
        if (dw_ih) kernel::panel_outer(4 * s.hidden, s.in, with_x, dw_ih, no_sums);
        if (dw_hh || db) kernel::panel_outer(4 * s.hidden, s.hidden, with_h, dw_hh, db);
        gathered = 0;
      }
    }
  }

  static void recorded(const Recorded& c) {
    const auto& s = c.attributes<Attributes>();
    record_by_parts(c, [&](std::span<const Var> in) {
      Var h = in[1], cell = in[2];
      std::vector<Var> values;
      for (std::int64_t t = 0; t < s.steps; ++t) {
        Var z = matmul(in[3], row(in[0], t)) + matmul(in[4], h);
        if (in.size() > 5) z = z + reshape(in[5], Shape{4 * s.hidden, 1});
        const std::vector<Var> gate = split(z, 4, 0);
        cell = sigmoid(gate[1]) * cell + sigmoid(gate[0]) * tanh(gate[2]);
        h = sigmoid(gate[3]) * tanh(cell);
        values.push_back(h);
      }
      values.push_back(cell);
      return stack(values);
    });
  }
};

void require(const char* op, const char* what, const Shape& given, const Shape& expected) {
  if (!(given == expected))
    throw ShapeError(std::string(op) + ": " + what + " " + to_string(given) + ": " +
                     to_string(expected) + " is expected");
}
void require_sequence(const char* op, const Shape& x) {
  if (x.rank() != 3)
    throw ShapeError(std::string(op) + ": x " + to_string(x) +
                     ": [steps, in, columns] is expected");
}

}  // namespace

}  // namespace ops

Var linear_columns(Var x, Var weight, Var bias) {
  const char* op = "linear_columns";
  const Shape &sx = x.shape(), &sw = weight.shape();
  ops::require_sequence(op, sx);
  if (sw.rank() != 2)
    throw ShapeError(std::string(op) + ": weight " + to_string(sw) + ": [out, in] is expected");
  ops::require(op, "weight", sw, {sw[0], sx[1]});
  const ops::LinearColumns::Attributes s{sx[0], sx[1], sw[0], sx[2]};
  const Shape value{s.steps, s.out, s.columns};
  if (detail::TapeState::is_none(bias)) return record<ops::LinearColumns>({x, weight}, value, s);
  ops::require(op, "bias", bias.shape(), {s.out});
  return record<ops::LinearColumns>({x, weight, bias}, value, s);
}

LstmOutput lstm_columns(Var x, const LstmState& state, Var weight_ih, Var weight_hh, Var bias) {
  const char* op = "lstm_columns";
  const Shape &sx = x.shape(), &sh = state.h.shape();
  ops::require_sequence(op, sx);
  if (sh.rank() != 2)
    throw ShapeError(std::string(op) + ": h " + to_string(sh) + ": [hidden, columns] is expected");
  const ops::LstmColumns::Attributes s{sx[0], sx[1], sh[0], sx[2]};
  ops::require(op, "h", sh, {s.hidden, s.columns});
  ops::require(op, "c", state.c.shape(), {s.hidden, s.columns});
  ops::require(op, "weight_ih", weight_ih.shape(), {4 * s.hidden, s.in});
  ops::require(op, "weight_hh", weight_hh.shape(), {4 * s.hidden, s.hidden});
  const Shape value{s.steps + 1, s.hidden, s.columns};
  std::array<Var, 6> inputs{x, state.h, state.c, weight_ih, weight_hh, bias};
  std::size_t count = 5;
  if (!detail::TapeState::is_none(bias)) {
    ops::require(op, "bias", bias.shape(), {4 * s.hidden});
    count = 6;
  }
  const Var all = record<ops::LstmColumns>(std::span<const Var>(inputs.data(), count), value, s);
  return {rows(all, 0, s.steps),
          {s.steps > 0 ? row(all, s.steps - 1) : state.h, row(all, s.steps)}};
}

}  // namespace metatape
