// rule.hpp: how an op is written: ours in src/ops, and a user's own.
//
// An op is one struct with three rules in one place:
//
//   // y = x²            dx += 2 g x
//   struct Square {
//     static constexpr const char* name = "square";
//     template <Scalar T> static void forward(const Forward& c);     // fills c.output<T>()
//     template <Scalar T> static void pullback(const Pullback& c);   // adds to c.adjoint<T>(i)
//     static void recorded(const Recorded& c);                       // the same, over Vars
//   };
//   Var square(Var x) { return record<Square>({x}, x.shape()); }
//
// Optional members: `struct Attributes` (trivially copyable: axes, strides, constants), read by
// c.attributes<Attributes>(); `static std::int64_t kept(const Forward&)`, how many elements the op
// keeps for its pullback besides inputs and output, which stay readable anyway.
//
// One more, which conv2d has: `static std::int64_t moments(const Forward&)`, 0 or the elements of
// what c.moments<T>() is filled with, [blocks, 2, channels]: of each block of rows of the value,
// seen as [rows, channels], the columns' means and sums of squares about them, in blocks of
// max(1, 16384 / channels) rows. It stays beside the value, and batch normalisation of that value
// reads it instead of the value.
//
// An op without `recorded` is differentiable once; one without `pullback` not at all.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <utility>

#include "metatape/autodiff/detail/state.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape {

class Forward;
class Pullback;
class Recorded;

/// The static table a node points to.
struct Rule {
  const char* name = "";
  void (*pullback)(const Pullback&) = nullptr;
  void (*recorded)(const Recorded&) = nullptr;
  bool view = false;  ///< the value is a range of input 0's memory (see structure.hpp)
};

namespace detail {

/// What all three rules can ask of their node.
class OpContext {
 public:
  OpContext(TapeState& state, std::uint32_t index) : OpContext(state, state.node(index), index) {}
  OpContext(TapeState& state, Node& node, std::uint32_t index)
      : state_(state), node_(node), index_(index) {}

  [[nodiscard]] int arity() const { return static_cast<int>(node_.arity); }
  [[nodiscard]] DType dtype() const { return node_.dtype; }
  [[nodiscard]] const Shape& shape() const { return node_.shape; }  ///< of the output
  [[nodiscard]] std::int64_t size() const { return node_.shape.size(); }
  [[nodiscard]] const Shape& input_shape(int i) const { return in(i).shape; }
  [[nodiscard]] std::int64_t input_size(int i) const { return in(i).shape.size(); }
  [[nodiscard]] DType input_dtype(int i) const { return in(i).dtype; }
  /// Elements of input i, row-major. T must be its type.
  template <Scalar T>
  [[nodiscard]] const T* input(int i) const {
    return static_cast<const T*>(in(i).value);
  }
  /// The moments that the op of input i left beside its value; null where it left none.
  template <Scalar T>
  [[nodiscard]] const T* input_moments(int i) const {
    return static_cast<const T*>(in(i).moments);
  }
  template <class A>
  [[nodiscard]] const A& attributes() const {
    return *static_cast<const A*>(node_.attributes);
  }
  [[nodiscard]] Threads* threads() const { return state_.options.threads; }
  [[nodiscard]] TapeState& state() const { return state_; }
  [[nodiscard]] const Node& node() const { return node_; }

 protected:
  [[nodiscard]] const Node& in(int i) const { return state_.node(node_.inputs[i]); }

  TapeState& state_;
  Node& node_;
  std::uint32_t index_;
};

}  // namespace detail

/// The value of a new record is being made.
class Forward : public detail::OpContext {
 public:
  using OpContext::OpContext;
  template <Scalar T>
  [[nodiscard]] T* output() const {
    return static_cast<T*>(node_.value);
  }
  /// What `kept` asked for; uninitialised.
  template <class T>
  [[nodiscard]] T* kept() const {
    return static_cast<T*>(node_.kept);
  }
  /// What `moments` asked for, uninitialised; null where it asked for nothing.
  template <Scalar T>
  [[nodiscard]] T* moments() const {
    return static_cast<T*>(node_.moments);
  }
  /// Uninitialised memory until the op is done.
  template <class T>
  [[nodiscard]] T* scratch(std::int64_t n) const {
    return static_cast<T*>(state_.arena.allocate(static_cast<std::size_t>(n) * sizeof(T)));
  }
};

/// The adjoint g = dL/d(output) is being taken to the inputs' adjoints.
class Pullback : public detail::OpContext {
 public:
  struct Target {
    void* adjoint = nullptr;  // null: this input wants none
    bool* fresh = nullptr;    // true until something was written
  };
  Pullback(detail::TapeState& state, std::uint32_t index, const void* gradient,
           std::span<const Target> targets)
      : OpContext(state, index), gradient_(gradient), targets_(targets) {}

  template <Scalar T>
  [[nodiscard]] const T* gradient() const {
    return static_cast<const T*>(gradient_);
  }
  template <Scalar T>
  [[nodiscard]] const T* output() const {
    return static_cast<const T*>(node_.value);
  }
  template <class T>
  [[nodiscard]] const T* kept() const {
    return static_cast<const T*>(node_.kept);
  }

  /// False for constants and for inputs no path leads through: skip their work.
  [[nodiscard]] bool wants(int i) const { return targets_[static_cast<std::size_t>(i)].adjoint; }

  [[nodiscard]] std::span<const Target> targets() const { return targets_; }

  /// dL/d(input i), to be added to. Call only where wants(i).
  template <Scalar T>
  [[nodiscard]] T* adjoint(int i) const {
    const Target& t = targets_[static_cast<std::size_t>(i)];
    T* p = static_cast<T*>(t.adjoint);
    if (*t.fresh) {
      for (std::int64_t k = 0, n = input_size(i); k < n; ++k) p[k] = T{0};
      *t.fresh = false;
    }
    return p;
  }
  /// The same for rules that can overwrite: when `fresh` comes back true nothing was written yet
  /// and every element must be set (BLAS: beta = 0); else add (beta = 1). Of inputs that are the
  /// same record, or overlap, none is fresh: their rules may write in any order.
  template <Scalar T>
  [[nodiscard]] T* adjoint(int i, bool& fresh) const {
    const Target& t = targets_[static_cast<std::size_t>(i)];
    fresh = std::exchange(*t.fresh, false);
    return static_cast<T*>(t.adjoint);
  }
  /// Uninitialised memory until this pullback is done.
  template <class T>
  [[nodiscard]] T* scratch(std::int64_t n) const {
    return static_cast<T*>(state_.arena.allocate(static_cast<std::size_t>(n) * sizeof(T)));
  }

 private:
  const void* gradient_;
  std::span<const Target> targets_;
};

/// The pullback as a formula over Vars, recorded itself: what second order is made of.
class Recorded : public detail::OpContext {
 public:
  Recorded(detail::TapeState& state, std::uint32_t index, Var gradient, std::span<Var> adjoints,
           std::span<const bool> wanted)
      : OpContext(state, index), gradient_(gradient), adjoints_(adjoints), wanted_(wanted) {}

  [[nodiscard]] Var gradient() const { return gradient_; }
  [[nodiscard]] Var input(int i) const { return state_.handle(node_.inputs[i]); }
  [[nodiscard]] Var output() const { return state_.handle(index_); }
  template <class T>
  [[nodiscard]] const T* kept() const {
    return static_cast<const T*>(node_.kept);
  }
  [[nodiscard]] bool wants(int i) const { return wanted_[static_cast<std::size_t>(i)]; }
  /// Adds a contribution to dL/d(input i); its shape must be the input's.
  void add(int i, Var contribution) const;

 private:
  Var gradient_;
  std::span<Var> adjoints_;
  std::span<const bool> wanted_;
};

namespace detail {

template <class Op>
concept HasAttributes = requires {
  typename Op::Attributes;
};
template <class Op>
concept Keeps = requires(const Forward& c) {
  { Op::kept(c) } -> std::convertible_to<std::int64_t>;
};
template <class Op>
concept LeavesMoments = requires(const Forward& c) {
  { Op::moments(c) } -> std::convertible_to<std::int64_t>;
};
template <class Op>
concept HasPullback = requires(const Pullback& c) {
  Op::template pullback<double>(c);
};
template <class Op>
concept HasRecorded = requires(const Recorded& c) {
  Op::recorded(c);
};

struct None {};
template <class Op>
struct AttributesOf {
  using type = None;
};
template <HasAttributes Op>
struct AttributesOf<Op> {
  using type = typename Op::Attributes;
};

template <class Op>
constexpr Rule make_rule() {
  Rule r;
  r.name = Op::name;
  if constexpr (HasPullback<Op>)
    r.pullback = [](const Pullback& c) {
      if (c.dtype() == DType::f32)
        Op::template pullback<float>(c);
      else
        Op::template pullback<double>(c);
    };
  if constexpr (HasRecorded<Op>) r.recorded = [](const Recorded& c) { Op::recorded(c); };
  return r;
}
template <class Op>
inline constexpr Rule rule_of = make_rule<Op>();

/// A record in the making: undone unless finish() is reached.
class Entry {
 public:
  Entry(const char* op, std::span<const Var> inputs, const Shape& shape, const DType* dtype);
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  /// Forgets scratch memory (and, where no pullback will come, what was kept).
  Var finish(const Rule* rule);

  TapeState& state;
  Tape::Scope::Mark mark;
  Arena::Position keep_until;
  std::uint32_t index;
  Node& node;
  bool records = false;  ///< a pullback may be asked for

 private:
  void check() const;
  void take_time() const;

  bool done_ = false;
  std::chrono::steady_clock::time_point start_;
};

template <class Op, class... K>
Var record_op(std::span<const Var> inputs, const Shape& shape,
              const typename AttributesOf<Op>::type& attributes, const DType* dtype, K&&... keep) {
  Entry entry(Op::name, inputs, shape, dtype);
  TapeState& state = entry.state;
  Node& node = entry.node;
  const Forward c(state, node, entry.index);
  if constexpr (HasAttributes<Op>) {
    using Attributes = typename Op::Attributes;
    static_assert(std::is_trivially_copyable_v<Attributes>);
    node.attributes = new (state.arena.allocate(sizeof(Attributes))) Attributes(attributes);
  }
  if constexpr (LeavesMoments<Op>) {
    if (const std::int64_t n = Op::moments(c); n > 0) {
      node.moments = state.arena.allocate(static_cast<std::size_t>(n) * bytes(node.dtype));
      entry.keep_until = state.arena.position();
    }
  }
  if constexpr (Keeps<Op>)
    node.kept = state.arena.allocate(static_cast<std::size_t>(Op::kept(c)) * bytes(node.dtype));
  if (entry.records) {
    (static_cast<void>(state.keep(std::forward<K>(keep))), ...);
    entry.keep_until = state.arena.position();
  }
  if (node.dtype == DType::f32)
    Op::template forward<float>(c);
  else
    Op::template forward<double>(c);
  return entry.finish(entry.records ? &rule_of<Op> : nullptr);
}

}  // namespace detail

/// Held by a function of several records while it runs: if it throws, the tape is as it was.
class Undo {
 public:
  /// On the tape that x stands on; TapeError, in the name of `op`, where it stands on none.
  Undo(Var x, const char* op)
      : state_(detail::TapeState::of(x, op)),
        mark_(state_.mark()),
        thrown_(std::uncaught_exceptions()) {}
  ~Undo() {
    if (std::uncaught_exceptions() > thrown_) state_.rewind(mark_);
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

 private:
  detail::TapeState& state_;
  Tape::Scope::Mark mark_;
  int thrown_;
};

/// Runs the op and records it. Inputs must stand on one tape and have one type (the output's,
/// unless `as` says otherwise). An op that throws leaves the tape as it was; a function that makes
/// several records holds an Undo for that. `keep` are objects that the attributes point into
/// (Indices, closures): the tape keeps them as long as the record.
template <class Op, class... K>
Var record(std::initializer_list<Var> inputs, const Shape& shape,
           K&&... keep) requires(!detail::HasAttributes<Op>) {
  return detail::record_op<Op>({inputs.begin(), inputs.size()}, shape, {}, nullptr,
                               std::forward<K>(keep)...);
}
template <class Op, class... K>
Var record(std::initializer_list<Var> inputs, const Shape& shape,
           const typename detail::AttributesOf<Op>::type& attributes,
           K&&... keep) requires detail::HasAttributes<Op> {
  return detail::record_op<Op>({inputs.begin(), inputs.size()}, shape, attributes, nullptr,
                               std::forward<K>(keep)...);
}
template <class Op, class... K>
Var record(std::span<const Var> inputs, const Shape& shape,
           const typename detail::AttributesOf<Op>::type& attributes, K&&... keep) {
  return detail::record_op<Op>(inputs, shape, attributes, nullptr, std::forward<K>(keep)...);
}
template <class Op>
Var record_as(DType dtype, std::initializer_list<Var> inputs, const Shape& shape,
              const typename detail::AttributesOf<Op>::type& attributes = {}) {
  return detail::record_op<Op>({inputs.begin(), inputs.size()}, shape, attributes, &dtype);
}

}  // namespace metatape
