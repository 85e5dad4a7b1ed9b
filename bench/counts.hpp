// counts.hpp: what a step of a workload cannot do without, counted from its shapes:
// multiplications, values of transcendental functions, bytes moved. Each count says where it comes
// from (counts.cpp).
#pragma once

#include <cstdint>

#include <metatape/autodiff.hpp>

#include "shapes.hpp"

namespace bench {

struct Counts {
  /// Multiply-adds of matrix products and convolutions, times two, of a program that keeps all it
  /// computes and multiplies by every tap: what README.md quotes, and rates are made of.
  double flop = 0;
  /// The same, of the fewest multiplications that the kernels make of it (counts.cpp: Winograd).
  double least_flop = 0;
  double transcendentals = 0;  ///< values of sigmoid, tanh, exp, log
  double bytes = 0;            ///< read and written of what lies beyond the first cache
  double resident = 0;         ///< bytes that have to be at hand together for that
  std::int64_t parallel = 1;   ///< so many of `resident` at once where there are as many threads
};

/// `winograd`: the kernels that run 3x3 convolutions in two ninths to four ninths of the
/// multiplications are in use (float32 with AVX2 or AVX-512).
struct Machine {
  metatape::DType dtype = metatape::DType::f32;
  bool winograd = true;
  [[nodiscard]] double word() const { return dtype == metatape::DType::f32 ? 4 : 8; }
};
/// Of the processor and METATAPE_SIMD.
Machine this_machine(metatape::DType dtype);

Counts counts_of(const Window& window, const Mlp& mlp, const Machine& machine);
Counts counts_of(const Window& window, const Quadratics& quadratics, const Machine& machine);
Counts counts_of(const Conv4& net, const Episode& episode, const Machine& machine);
Counts counts_of(const Conv4& net, const Adaptation& adaptation, const Machine& machine);
Counts counts_of(const Chain& chain, const Machine& machine);
Counts counts_of(const PlainLstm& lstm, const Machine& machine);

/// Bytes of what a first-order window holds that grows with it: words · parameters ·
/// (T + 6 · layers · hidden). T gradients are kept for the pass back; the optimizer's state (h and
/// c of each layer) stands three times: where the window began, at work, and at its end.
double window_kept(const Window& window, std::int64_t parameters, const Machine& machine);

}  // namespace bench
