// module.hpp: what a module is.
// A description without weights: sizes and choices, set by name. It makes its Params from a key,
// and runs with whatever Bound it is handed: trained weights, adapted ones (p - rate * g), those of
// one step of an unroll. A part's Params stand under its name and a dot.
#pragma once

#include <concepts>

#include "metatape/autodiff/bound.hpp"
#include "metatape/nn/mode.hpp"

namespace metatape::nn {

template <class M>
concept Module = requires(const M& m, Key key, const Bound& p, Var x, const Mode& mode) {
  { m.init(key, DType::f32) } -> std::same_as<Params>;
  { m(p, x, mode) } -> std::same_as<Var>;
};

/// The result of a module and the batch statistics it made on the way.
struct Applied {
  Var value;
  Statistics statistics;
};

template <Module M>
Applied apply(const M& module, const Bound& p, Var x, Mode mode = {}) {
  Applied a;
  mode.made = &a.statistics;
  a.value = module(p, x, mode);
  return a;
}

}  // namespace metatape::nn
