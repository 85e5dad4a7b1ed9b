#include "walk.hpp"

#include <fmt/format.h>

#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"

namespace metatape::metalearn::detail {

Bound place(Tape& tape, const Params& value, bool differentiable) {
  if (value.empty()) return {};
  return differentiable ? bind(tape, value) : bind_constant(tape, value);
}

std::size_t bytes_of(const Params& p) {
  return static_cast<std::size_t>(p.size()) * bytes(p.dtype());
}

std::string numbered(std::string_view name, double number) {
  return fmt::format("{}:{}", name, number);
}

Walked walk(const Dynamics& run, const Params& phi, const Params& from, Window window, Tape& tape,
            const std::function<void(std::int64_t, const Params&)>& each) {
  Walked w{.state = from};
  for (std::int64_t t = window.from; t <= window.to; ++t) {
    const Tape::Scope scope(tape);
    const bool last = t == window.to;
    if (each && !last) each(t, w.state);
    const Visit v = run.visit(
        place(tape, phi, false), place(tape, w.state, false),
        {.t = t, .order = Order::first, .loss = t > window.from || t == 0, .move = !last});
    if (v.loss.valid()) w.loss += v.loss.item();
    if (!std::isfinite(w.loss)) w.diverged = t;
    if (w.diverged || last) break;
    w.state = v.next.value();
    if (!finite(w.state.flat())) w.diverged = t + 1;
    if (w.diverged) break;
  }
  if (w.diverged) w.loss = std::numeric_limits<double>::infinity();
  return w;
}

Recorded record(const Dynamics& run, const Bound& phi, const Bound& from, Window steps,
                std::int64_t first, bool last, Order order) {
  Recorded r{.state = from};
  for (std::int64_t t = steps.from; t <= steps.to; ++t) {
    const bool end = t == steps.to;
    if (end && !last) break;
    const Visit v = run.visit(phi, r.state,
                              {.t = t, .order = order, .loss = t > first || t == 0, .move = !end});
    if (v.loss.valid()) r.loss = r.loss.valid() ? r.loss + v.loss : v.loss;
    if (end) break;
    if (!(*v.next.layout() == *from.layout()))
      throw ShapeError(fmt::format("estimator: step {} makes a state of {} numbers of one of {}", t,
                                   v.next.layout()->size(), from.layout()->size()));
    r.state = v.next;
  }
  return r;
}

Estimate lost(const Params& phi, std::int64_t step) {
  return {.loss = std::numeric_limits<double>::infinity(),
          .gradient = phi.zeros_like(),
          .diverged = step};
}

}  // namespace metatape::metalearn::detail
