// tape.cpp: nodes are appended, marked and rewound; handles are checked.
#include "metatape/autodiff/tape.hpp"

#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include "metatape/autodiff/detail/state.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/rule.hpp"
#include "profile.hpp"

namespace metatape {

namespace detail {

namespace {

// Anchors are never freed, only used again, so that a stale handle may look at its own at any time.
struct Anchors {
  std::mutex mutex;
  std::vector<TapeAnchor*> free;
};
Anchors& anchors() {
  static Anchors* const immortal = new Anchors;
  return *immortal;
}

TapeAnchor* take_anchor() {
  Anchors& a = anchors();
  const std::lock_guard lock(a.mutex);
  if (a.free.empty()) {
    a.free.reserve(a.free.capacity() + 1);  // so that giving one back cannot fail
    return new TapeAnchor;
  }
  TapeAnchor* anchor = a.free.back();
  a.free.pop_back();
  return anchor;
}

void give_back(TapeAnchor* anchor) noexcept {
  Anchors& a = anchors();
  const std::lock_guard lock(a.mutex);
  anchor->state = nullptr;
  a.free.push_back(anchor);
}

template <class T>
std::int64_t first_not_finite(const T* p, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    if (!std::isfinite(p[i])) return i;
  return -1;
}

std::int64_t first_not_finite(const Node& n) {
  return visit(n.dtype, [&]<class T>(T) {
    return first_not_finite(static_cast<const T*>(n.value), n.shape.size());
  });
}

std::string kind_at(const Node& n, std::int64_t element) {
  return visit(n.dtype, [&]<class T>(T) {
    return std::isnan(static_cast<const T*>(n.value)[element]) ? "nan" : "infinite";
  });
}

// Ops are checked as they are recorded, so an input that is not finite is a leaf, or was seen
// through one: it is to blame, not the op. (Infinite leaves alone are no error: a bound may be.)
[[noreturn]] void reject_not_finite(const TapeState& state, std::uint32_t index, std::int64_t bad) {
  const Node& n = state.node(index);
  std::string text = std::string(n.name) + ": record " + std::to_string(index) + ", " +
                     to_string(n.shape) + ": element " + std::to_string(bad) + " is " +
                     kind_at(n, bad);
  for (std::uint32_t k = 0; k < n.arity; ++k) {
    const Node& in = state.node(n.inputs[k]);
    const std::int64_t at = first_not_finite(in);
    if (at < 0) continue;
    text += "; its input " + std::to_string(k) + ", " + in.name + " (record " +
            std::to_string(n.inputs[k]) + "), was already " + kind_at(in, at) + " at element " +
            std::to_string(at);
    break;
  }
  throw NumericError(text);
}

[[noreturn]] void reject_mix(const char* op, DType a, DType b) {
  throw DTypeError(std::string(op) + ": " + name(a) + " and " + name(b) +
                   " do not mix; cast one of them");
}

}  // namespace

TapeState::TapeState(Tape* its_owner, const TapeOptions& its_options)
    : owner(its_owner), anchor(take_anchor()), options(its_options), stamps(anchor->stamps) {
  anchor->state = this;
  if (options.profile) return;
  member = join_profile_of_all();
  if (member) options.profile = &member->profile;
}

TapeState::~TapeState() {
  rewind({});
  anchor->stamps = stamps;
  give_back(anchor);
}

void TapeState::rewind(const Mark& to) noexcept {
  if (to.nodes < count) stamps += generation;
  count = to.nodes;
  while (keepers.size() > to.keepers) {
    keepers.back().destroy(keepers.back().object);
    keepers.pop_back();
  }
  arena.rewind({to.chunk, to.offset});
}

void TapeState::add_chunk() {
  if (count >= generation)
    throw TapeError("a tape holds at most " + std::to_string(generation) + " records");
  nodes.push_back(std::make_unique<Node[]>(chunk));
}

void TapeState::reject(const Var& v, const char* op) {
  throw TapeError(std::string(op) + (v.anchor_ ? ": a Var whose record is gone: its scope was "
                                                 "rewound or its tape died"
                                               : ": a Var that refers to nothing"));
}

void TapeState::reject_here(const Var& v, const char* op) const {
  static_cast<void>(of(v, op));
  throw TapeError(std::string(op) + ": Vars of two tapes");
}

Var TapeState::leaf(const Tensor& value, bool differentiable) {
  const Mark before = mark();
  try {
    keep(Tensor(value));
    Node& n = push();
    n.value = const_cast<void*>(value.data());
    n.shape = value.shape();
    n.dtype = value.dtype();
    n.differentiable = differentiable;
    n.aliases = true;
    n.name = differentiable ? "variable" : "constant";
    if (options.timed) microseconds.resize(count), microseconds.back() = 0;
    return handle(count - 1);
  } catch (...) {
    rewind(before);
    throw;
  }
}

Entry::Entry(const char* op, std::span<const Var> inputs, const Shape& shape, const DType* dtype)
    : state(TapeState::of(inputs.front(), op)),
      mark(state.mark()),
      index(state.count),
      node(state.push()) {
  try {
    node.name = op;
    node.arity = static_cast<std::uint32_t>(inputs.size());
    auto* into = node.inline_inputs.data();
    if (inputs.size() > node.inline_inputs.size())
      into =
          static_cast<std::uint32_t*>(state.arena.allocate(inputs.size() * sizeof(std::uint32_t)));
    node.inputs = into;
    bool differentiable = false;
    DType type{};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      into[i] = state.index_of(inputs[i], op);
      const Node& in = state.node(into[i]);
      differentiable = differentiable || in.differentiable;
      if (i == 0)
        type = in.dtype;
      else if (in.dtype != type)
        reject_mix(op, type, in.dtype);
    }
    node.dtype = dtype ? *dtype : type;
    node.shape = shape;
    records = differentiable && state.options.recording == Recording::on;
    node.value = state.arena.allocate(node.value_bytes());
    keep_until = state.arena.position();
    if (state.options.profile || state.options.timed) start_ = std::chrono::steady_clock::now();
  } catch (...) {
    state.rewind(mark);
    throw;
  }
}

Entry::~Entry() {
  if (!done_) state.rewind(mark);
}

void Entry::check() const {
  const std::int64_t bad = first_not_finite(node);
  if (bad >= 0) reject_not_finite(state, index, bad);
}

void Entry::take_time() const {
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (state.options.timed) {
    state.microseconds.resize(state.count);
    state.microseconds.back() = static_cast<float>(1e6 * s);
  }
  if (state.options.profile) {
    Profile::Entry& e = state.options.profile->ops[node.name];
    ++e.calls;
    e.forward_s += s;
    const Arena::Position p = state.arena.position();
    e.bytes += p.chunk == mark.chunk ? static_cast<std::int64_t>(p.offset - mark.offset)
                                     : static_cast<std::int64_t>(node.value_bytes());
  }
}

Var Entry::finish(const Rule* rule) {
  if (records) {
    node.rule = rule;
    node.differentiable = true;
  } else {
    node.attributes = node.kept = nullptr;
  }
  state.arena.rewind(keep_until);
  if (state.options.check_finite) check();
  if (state.options.profile || state.options.timed) take_time();
  done_ = true;
  return state.handle(index);
}

}  // namespace detail

using detail::Node;
using detail::TapeState;

const Shape& Var::shape() const { return TapeState::node_of(*this, "shape").shape; }
DType Var::dtype() const { return TapeState::node_of(*this, "dtype").dtype; }
bool Var::valid() const noexcept { return TapeState::stands(*this); }
bool Var::differentiable() const {
  return TapeState::node_of(*this, "differentiable").differentiable;
}
Tape& Var::tape() const { return *TapeState::of(*this, "tape").owner; }

Tensor Var::value() const {
  const Node& n = TapeState::node_of(*this, "value");
  Tensor t = Tensor::uninitialised(n.shape, n.dtype);
  if (n.shape.size() > 0) std::memcpy(t.mutable_data(), n.value, n.value_bytes());
  return t;
}

double Var::item() const {
  const Node& n = TapeState::node_of(*this, "item");
  if (n.shape.size() != 1)
    throw ShapeError("item: " + to_string(n.shape) + ": one element is needed, not " +
                     std::to_string(n.shape.size()));
  return visit(n.dtype,
               [&]<class T>(T) { return static_cast<double>(*static_cast<const T*>(n.value)); });
}

const void* Var::data(DType dtype) const {
  const Node& n = TapeState::node_of(*this, "values");
  if (n.dtype != dtype)
    throw DTypeError("values: " + to_string(n.shape) + " holds " + name(n.dtype) + ", read as " +
                     name(dtype));
  return n.value;
}

Tape::Tape(const TapeOptions& options) : state_(std::make_unique<TapeState>(this, options)) {}
Tape::~Tape() = default;
Tape::Tape(Tape&& other) noexcept : state_(std::move(other.state_)) {
  if (state_) state_->owner = this;
}
Tape& Tape::operator=(Tape&& other) noexcept {
  state_ = std::move(other.state_);
  if (state_) state_->owner = this;
  return *this;
}

Var Tape::variable(const Tensor& value) { return state_->leaf(value, true); }
Var Tape::constant(const Tensor& value) { return state_->leaf(value, false); }
Var Tape::constant(double value, DType dtype) { return constant(Tensor::scalar(value, dtype)); }

Tape::Scope::Scope(Tape& tape) : state_(tape.state_.get()), mark_(state_->mark()) {}
Tape::Scope::~Scope() { state_->rewind(mark_); }

void Tape::clear() { state_->rewind({}); }
Recording Tape::recording() const { return state_->options.recording; }
Threads* Tape::threads() const { return state_->options.threads; }
std::int64_t Tape::size() const { return state_->count; }
TapeMemory Tape::memory() const {
  return {state_->arena.used(), state_->arena.peak(), state_->arena.reserved()};
}
void Tape::reset_peak() { state_->arena.reset_peak(); }

Var stop_gradient(Var x) {
  TapeState& s = TapeState::of(x, "stop_gradient");
  const std::uint32_t from = s.index_of(x, "stop_gradient");
  Node& n = s.push();
  const Node& source = s.node(from);
  n.value = source.value;
  n.shape = source.shape;
  n.dtype = source.dtype;
  n.aliases = true;
  n.inline_inputs[0] = from;
  n.inputs = n.inline_inputs.data();
  n.arity = 1;
  n.name = "stop_gradient";
  if (s.options.timed) s.microseconds.resize(s.count), s.microseconds.back() = 0;
  return s.handle(s.count - 1);
}

}  // namespace metatape
