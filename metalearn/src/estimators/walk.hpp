// walk.hpp: what the estimators share: a run's steps on a tape.
#pragma once

#include <cmath>
#include <optional>
#include <span>

#include "../algebra/flat.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/estimators/estimator.hpp"

namespace metatape::metalearn::detail {

/// Params on a tape, flat; nothing where there are none.
Bound place(Tape& tape, const Params& value, bool differentiable);

/// Where a walk ended: Σ ℓ as a number, the state, and the step that was not finite.
struct Walked {
  double loss = 0;
  Params state{};
  std::optional<std::int64_t> diverged{};
};

/// The run from s_from to s_to at φ, counting as Window says, a step at a time on `tape`; nothing
/// is kept. `each`, if given, sees every state s_from .. s_{to-1} before it is left.
Walked walk(const Dynamics& run, const Params& phi, const Params& from, Window window, Tape& tape,
            const std::function<void(std::int64_t t, const Params& state)>& each = {});

/// Steps [from, to) on the tape, all recorded: their states' last, and Σ ℓ, invalid where nothing
/// counts. With `last`, ℓ_to counts too. ℓ_from counts where from > first or from = 0.
struct Recorded {
  Var loss{};
  Bound state{};
};
Recorded record(const Dynamics& run, const Bound& phi, const Bound& from, Window steps,
                std::int64_t first, bool last, Order order);

/// An estimate of a run that diverged at `step`.
Estimate lost(const Params& phi, std::int64_t step);

/// Bytes of values.
std::size_t bytes_of(const Params& p);

/// "name:number", numbers as people write them.
std::string numbered(std::string_view name, double number);

}  // namespace metatape::metalearn::detail
