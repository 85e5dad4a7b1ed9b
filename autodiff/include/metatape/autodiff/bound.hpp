// bound.hpp: Params on a tape: one flat Var, its names, and a view of each tensor made once.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

/// `p["weight"]` is always the same Var. Copies are cheap and mean the same records.
class Bound {
 public:
  Bound() = default;
  /// `flat` (one axis) seen through a layout of the same size.
  Bound(std::shared_ptr<const Layout> layout, Var flat);
  /// The tensors themselves are given; flat() joins them when it is first asked for.
  Bound(std::shared_ptr<const Layout> layout, std::vector<Var> tensors);

  [[nodiscard]] const std::shared_ptr<const Layout>& layout() const;
  [[nodiscard]] const std::vector<ParamEntry>& entries() const { return layout()->entries(); }
  [[nodiscard]] std::size_t count() const { return entries().size(); }
  [[nodiscard]] bool contains(std::string_view name) const;

  /// DataError names a missing one and what there is.
  [[nodiscard]] Var operator[](std::string_view name) const;
  [[nodiscard]] Var operator[](std::size_t i) const;
  [[nodiscard]] Var flat() const;

  /// Those whose name starts with `prefix` + ".", the prefix taken off: what a nested module gets.
  [[nodiscard]] Bound inside(std::string_view prefix) const;

  /// The values, copied.
  [[nodiscard]] Params value() const;

  /// True when `flat` is a record of its own (bound from a buffer), not joined from tensors.
  [[nodiscard]] bool has_flat() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

/// Params as a variable of the tape, or as a constant.
Bound bind(Tape& tape, const Params& params);
Bound bind_constant(Tape& tape, const Params& params);

// Arithmetic tensor by tensor. `a - b` and `a + b` accept a b that holds only some of a's names:
// the others stay as they are (MAML that adapts the last layer only). DataError for a name a lacks.
Bound operator+(const Bound& a, const Bound& b);
Bound operator-(const Bound& a, const Bound& b);
Bound operator*(double a, const Bound& b);
Bound operator*(Var a, const Bound& b);           ///< a: one element
Bound operator*(const Bound& a, const Bound& b);  ///< equal names: a rate a tensor or coordinate
Bound stop_gradient(const Bound& b);

}  // namespace metatape
