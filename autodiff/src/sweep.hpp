// sweep.hpp: going back over the records between a loss and the inputs asked for.
#pragma once

#include <cstdint>
#include <span>

#include "metatape/autodiff/detail/state.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape::detail {

/// An input whose adjoint is wanted, and the memory it is accumulated in.
struct Wanted {
  std::uint32_t index = 0;
  void* adjoint = nullptr;
  bool* fresh = nullptr;  ///< true while nothing was written; then the first write overwrites
  bool blocked = false;   ///< do not go on from it to what it was made of
};

/// A record that a sweep starts at, and its adjoint there.
struct Seed {
  std::uint32_t index = 0;
  const void* cotangent = nullptr;
};

/// Fast sweep from all of `seeds`. Records older than `first` are not visited; those among `wanted`
/// still get their adjoint. Memory is given back before it returns.
void sweep(TapeState& state, std::span<const Seed> seeds, std::uint32_t first,
           std::span<const Wanted> wanted);

/// The same over Vars, recorded; adjoints[i] stays invalid where no path leads to wanted[i].
/// `blocked`: stop at the wanted records.
void recorded_sweep(TapeState& state, Var from, Var cotangent, std::uint32_t first,
                    std::span<const std::uint32_t> wanted, bool blocked, std::span<Var> adjoints);

}  // namespace metatape::detail
