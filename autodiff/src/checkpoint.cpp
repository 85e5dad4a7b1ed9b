// checkpoint.cpp: a part of a computation whose interior is forgotten and made again.
// f runs once for its value and is rewound. Going back, it runs again on views of its inputs and a
// small sweep takes the adjoint through it. Records that f used without being given them are found
// by looking at what its records point to; they become inputs of the checkpoint.
#include <algorithm>
#include <cstring>
#include <string>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "sweep.hpp"

namespace metatape {

namespace {

using Function = std::function<Var(std::span<const Var>)>;
using detail::Node;
using detail::TapeState;

std::vector<Var> views_of(std::span<const Var> inputs) {
  std::vector<Var> views;
  views.reserve(inputs.size());
  for (const Var& x : inputs) views.push_back(view_range(x, 0, x.shape()));
  return views;
}

// y = f(inputs), the first `given` of the record's inputs; the others are what f captured.
struct Checkpoint {
  struct Attributes {
    const Function* f;
    const void* value;  // forward only: f's value, made before
    std::uint32_t given;
  };
  static constexpr const char* name = "checkpoint";

  template <Scalar T>
  static void forward(const Forward& c) {
    const std::size_t size = static_cast<std::size_t>(c.size()) * sizeof(T);
    if (size > 0) std::memcpy(c.output<T>(), c.attributes<Attributes>().value, size);
  }

  template <Scalar T>
  static void pullback(const Pullback& c) {
    rerun(c);
  }
  static void rerun(const Pullback& c);

  static void recorded(const Recorded& c) {
    const Attributes& a = c.attributes<Attributes>();
    std::vector<Var> inputs;
    for (int i = 0; i < c.arity(); ++i) inputs.push_back(c.input(i));
    const std::vector<Var> views = views_of(std::span(inputs).first(a.given));
    TapeState& s = TapeState::of(c.gradient(), name);
    std::vector<std::uint32_t> wanted;
    for (const Var& v : views) wanted.push_back(s.index_of(v, name));
    for (std::size_t i = a.given; i < inputs.size(); ++i)
      wanted.push_back(s.index_of(inputs[i], name));
    const std::uint32_t first = a.given > 0 ? wanted.front() : s.count;
    const Var y = (*a.f)(views);
    std::vector<Var> adjoints(wanted.size());
    recorded_sweep(s, y, c.gradient(), first, wanted, true, adjoints);
    for (int i = 0; i < c.arity(); ++i)
      if (const Var& g = adjoints[static_cast<std::size_t>(i)]; g.valid() && c.wants(i))
        c.add(i, g);
  }
};

void Checkpoint::rerun(const Pullback& c) {
  const auto& a = c.attributes<Attributes>();
  TapeState& s = c.state();
  const struct Rewind {
    TapeState& state;
    TapeState::Mark to;
    ~Rewind() { state.rewind(to); }
  } rewind{s, s.mark()};
  std::vector<Var> inputs;
  for (std::uint32_t i = 0; i < a.given; ++i) inputs.push_back(s.handle(c.node().inputs[i]));
  const std::uint32_t first = s.count;
  const std::vector<Var> views = views_of(inputs);
  std::vector<detail::Wanted> wanted;
  for (std::uint32_t i = 0; i < c.node().arity; ++i) {
    const Pullback::Target& t = c.targets()[i];
    if (!t.adjoint) continue;
    wanted.push_back({i < a.given ? first + i : c.node().inputs[i], t.adjoint, t.fresh, true});
  }
  const Var y = (*a.f)(views);
  const detail::Seed seed{s.index_of(y, name), visit(c.dtype(), [&]<class T>(T) -> const void* {
                            return c.gradient<T>();
                          })};
  sweep(s, {&seed, 1}, first, wanted);
}

}  // namespace

Var checkpoint(const Function& f, std::span<const Var> inputs) {
  if (inputs.empty()) throw TapeError("checkpoint: no inputs: pass at least one");
  TapeState& s = TapeState::of(inputs.front(), "checkpoint");
  if (s.options.recording == Recording::off) return f(inputs);
  for (const Var& x : inputs) static_cast<void>(s.index_of(x, "checkpoint"));

  const std::uint32_t before = s.count;
  Tensor value;
  std::vector<std::uint32_t> captured;
  {
    const Tape::Scope forgotten(inputs.front().tape());
    const Var y = f(views_of(inputs));
    const std::uint32_t last = s.index_of(y, "checkpoint");
    const auto capture = [&](std::uint32_t index) {
      if (index < before && s.node(index).differentiable &&
          std::ranges::find(captured, index) == captured.end())
        captured.push_back(index);
    };
    capture(last);
    for (std::uint32_t i = before + static_cast<std::uint32_t>(inputs.size()); i < s.count; ++i) {
      const Node& n = s.node(i);
      if (n.rule)
        for (std::uint32_t k = 0; k < n.arity; ++k) capture(n.inputs[k]);
    }
    value = y.value();
  }
  std::vector<Var> all(inputs.begin(), inputs.end());
  for (const std::uint32_t index : captured) all.push_back(s.handle(index));
  const Undo undo(inputs.front(), "checkpoint");
  const Function* kept = s.keep(Function(f));
  return record<Checkpoint>(std::span<const Var>(all), value.shape(),
                            {kept, value.data(), static_cast<std::uint32_t>(inputs.size())});
}

Var checkpoint(const Function& f, std::initializer_list<Var> inputs) {
  return checkpoint(f, std::span<const Var>(inputs.begin(), inputs.size()));
}

}  // namespace metatape
