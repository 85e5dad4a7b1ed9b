// sweep.cpp: reverse accumulation.
// One pass forward marks the records that a wanted input leads to; one pass back calls their rules.
// An adjoint is made when the first contribution comes, not before, and the memory of large ones
// goes to the next that needs as much once its record is done. Contributions to views go to their
// range of what they look at; of that it is known which range has values, so a first contribution
// overwrites there too, and what nobody wrote is cleared once, at the end.
#include "sweep.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/binary.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"

namespace metatape::detail {

namespace {

constexpr std::size_t worth_sharing = 16384;  // bytes

// Bytes [low, high) of an adjoint have values.
struct Written {
  std::size_t low, high;
};

struct Slot {
  void* adjoint;
  Written* part;  // made for the first part of it that is written to
  bool fresh;     // nothing was written yet
  bool partial;   // `part` says what has values
  bool reached;   // a wanted record leads to it
  bool blocked;   // a wanted record that is not gone on from
  bool view;      // has no adjoint of its own: it is a range of its parent's
  bool large;     // the adjoint may serve others when this one is done
};

void clear(void* adjoint, std::size_t from, std::size_t to) {
  if (from < to) std::memset(static_cast<char*>(adjoint) + from, 0, to - from);
}

// Bytes of an adjoint: a record's own, or its range of the adjoint of what it is a view of.
struct Place {
  Slot* slot;         // of the whole
  std::size_t bytes;  // of the whole
  std::size_t first, last;

  [[nodiscard]] void* begin() const { return static_cast<char*>(slot->adjoint) + first; }
  [[nodiscard]] bool is_part() const { return last - first != bytes; }
  [[nodiscard]] bool meets(const Place& other) const {
    return slot->adjoint == other.slot->adjoint && first < other.last && other.first < last;
  }
};

class Sweep {
 public:
  // Records `first` to `last`.
  Sweep(TapeState& state, std::uint32_t last, std::uint32_t first, std::span<const Wanted> wanted)
      : state_(state),
        first_(first),
        count_(last - first + 1),
        wanted_(wanted),
        spare_base_(state.spare_adjoints.size()) {
    const std::size_t slots = count_ + wanted.size();
    slots_ = static_cast<Slot*>(state.arena.allocate(slots * sizeof(Slot)));
    std::memset(static_cast<void*>(slots_), 0, slots * sizeof(Slot));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Wanted& w = wanted[i];
      Slot& s = slot_of(i);
      s.adjoint = w.adjoint;
      s.fresh = *w.fresh;
      s.reached = true;
      s.blocked = w.blocked;
      any_older_ = any_older_ || w.index < first;
    }
    for (std::uint32_t i = 0; i < count_; ++i) {
      Slot& s = slots_[i];
      const Node& n = state.node(first + i);
      if (s.reached || !n.rule) continue;
      for (std::uint32_t k = 0; k < n.arity && !s.reached; ++k) s.reached = reaches(n.inputs[k]);
      s.view = n.rule->view;
    }
  }

  void run(std::span<const Seed> seeds) {
    for (const Seed& seed : seeds)
      if (reaches(seed.index)) start(seed);
    for (std::uint32_t i = count_; i-- > 0;) {
      Slot& s = slots_[i];
      if (!s.adjoint || s.fresh) continue;
      const Node& n = state_.node(first_ + i);
      if (s.partial) complete(s, n.value_bytes());
      if (s.blocked || !n.rule) continue;
      if (n.rule->view)
        into_parent(n, s.adjoint);
      else
        pull(first_ + i, n, s.adjoint);
      if (s.large) state_.spare_adjoints.push_back({s.adjoint, n.value_bytes()});
    }
    state_.spare_adjoints.resize(spare_base_);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      Slot& s = slot_of(i);
      if (s.partial) complete(s, state_.node(wanted_[i].index).value_bytes());
      *wanted_[i].fresh = s.fresh;
    }
  }

 private:
  // Of wanted[i]; those that are not among the records swept come after them.
  Slot& slot_of(std::size_t i) {
    const std::uint32_t index = wanted_[i].index;
    return slots_[index >= first_ && index - first_ < count_ ? index - first_ : count_ + i];
  }

  // Null: no wanted record leads to it.
  Slot* slot(std::uint32_t index) {
    if (index >= first_) {
      Slot& s = slots_[index - first_];
      return s.reached ? &s : nullptr;
    }
    if (any_older_)
      for (std::size_t i = 0; i < wanted_.size(); ++i)
        if (wanted_[i].index == index) return &slots_[count_ + i];
    return nullptr;
  }
  bool reaches(std::uint32_t index) { return slot(index) != nullptr; }

  void start(const Seed& seed) { put(state_.node(seed.index), place(seed.index), seed.cotangent); }

  void make_adjoint(Slot& s, std::size_t bytes) {
    s.adjoint = take(bytes);
    s.fresh = true;
    s.large = bytes >= worth_sharing;
  }

  // Where contributions to a record are accumulated that a wanted one leads to.
  Place place(std::uint32_t index) {
    const std::size_t size = state_.node(index).value_bytes();
    std::size_t offset = 0;
    Slot* s = slot(index);
    while (s->view) {
      const Node& n = state_.node(index);
      offset += offset_in_parent(n);
      index = n.inputs[0];
      s = slot(index);
    }
    const Place p{s, state_.node(index).value_bytes(), offset, offset + size};
    if (!s->adjoint) make_adjoint(*s, p.bytes);
    if (p.is_part() && !s->part)
      s->part = static_cast<Written*>(state_.arena.allocate(sizeof(Written)));
    return p;
  }

  std::size_t offset_in_parent(const Node& view) const {
    return static_cast<std::size_t>(static_cast<char*>(view.value) -
                                    static_cast<char*>(state_.node(view.inputs[0]).value));
  }

  // Makes a place ready to be written to; true where nothing was written yet. Then a part counts as
  // written from now on, so it must be; of a whole its slot says so.
  static bool open(const Place& p) {
    Slot& s = *p.slot;
    if (!p.is_part()) {
      if (s.partial) complete(s, p.bytes);
      return s.fresh;
    }
    if (p.first == p.last) return false;
    if (s.fresh) {
      s.fresh = false;
      *s.part = {p.first, p.last};
      s.partial = true;
      return true;
    }
    if (!s.partial) return false;
    auto& [low, high] = *s.part;
    const bool apart = p.last <= low || high <= p.first;
    // What lies between, and what a part that only overlaps has more.
    clear(s.adjoint, apart ? p.last : p.first, low);
    clear(s.adjoint, high, apart ? p.first : p.last);
    low = std::min(low, p.first);
    high = std::max(high, p.last);
    s.partial = low > 0 || high < p.bytes;
    return apart;
  }

  // Clears what nobody wrote of something that was written in part.
  static void complete(Slot& s, std::size_t bytes) {
    clear(s.adjoint, 0, s.part->low);
    clear(s.adjoint, s.part->high, bytes);
    s.partial = false;
  }
  // The same of anything: all of it has values.
  static void settle(const Place& p) {
    if (p.slot->partial) complete(*p.slot, p.bytes);
    if (std::exchange(p.slot->fresh, false)) clear(p.slot->adjoint, 0, p.bytes);
  }

  void* take(std::size_t bytes) {
    auto& spare = state_.spare_adjoints;
    if (bytes >= worth_sharing) {
      for (std::size_t i = spare.size(); i-- > spare_base_;) {
        if (spare[i].bytes < bytes || spare[i].bytes > 2 * bytes) continue;
        void* p = spare[i].memory;
        spare[i] = spare.back();
        spare.pop_back();
        return p;
      }
    }
    return state_.arena.allocate(bytes);
  }

  // A contribution that is at hand.
  static void put(const Node& n, const Place& p, const void* from) {
    if (p.first == p.last) return;  // may be null
    if (open(p)) {
      std::memcpy(p.begin(), from, p.last - p.first);
    } else {
      visit(n.dtype, [&]<class T>(T) {
        T* a = static_cast<T*>(p.begin());
        const T* b = static_cast<const T*>(from);
        for (std::int64_t k = 0, size = n.shape.size(); k < size; ++k) a[k] += b[k];
      });
    }
    p.slot->fresh = false;
  }

  void into_parent(const Node& view, const void* adjoint) {
    if (!reaches(view.inputs[0])) return;
    Place p = place(view.inputs[0]);
    p.first += offset_in_parent(view);
    p.last = p.first + view.value_bytes();
    put(view, p, adjoint);
  }

  static constexpr std::uint32_t few = 4;  // inputs that most ops have at most

  void pull(std::uint32_t index, const Node& n, const void* adjoint) {
    std::array<Pullback::Target, few> targets;
    bool wanted = false;
    if (!whole_targets(n, targets, wanted)) return pull_parts(index, n, adjoint);
    if (!wanted) return;
    const Arena::Position scratch = state_.arena.position();
    apply(index, n, adjoint, {targets.data(), n.arity});
    state_.arena.rewind(scratch);
  }

  // In the usual case nothing need be known of ranges: few inputs, each another record among those
  // swept, none a view. False where it is not so.
  bool whole_targets(const Node& n, std::array<Pullback::Target, few>& targets, bool& wanted) {
    if (n.arity > few) return false;
    for (std::uint32_t k = 0; k < n.arity; ++k) {
      const std::uint32_t in = n.inputs[k];
      if (in < first_) {
        if (any_older_) return false;
        continue;
      }
      Slot& s = slots_[in - first_];
      if (!s.reached) continue;
      if (s.view) return false;
      if (!s.adjoint || s.partial) make_whole(s, state_.node(in));
      for (std::uint32_t e = 0; e < k; ++e)
        if (targets[e].adjoint == s.adjoint) return false;
      targets[k] = {s.adjoint, &s.fresh};
      wanted = true;
    }
    return true;
  }

  void make_whole(Slot& s, const Node& n) {
    if (!s.adjoint) make_adjoint(s, n.value_bytes());
    if (s.partial) complete(s, n.value_bytes());
  }

  // A place that a rule writes to.
  struct Opened {
    Place place;      // its slot is null where the input wants nothing
    bool fresh_part;  // a part that was promised to be written
  };

  // Any inputs: parts, overlapping ones, the same one twice.
  void pull_parts(std::uint32_t index, const Node& n, const void* adjoint) {
    std::array<Pullback::Target, few> few_targets;
    std::array<Opened, few> few_opened;
    Pullback::Target* targets = few_targets.data();
    Opened* opened = few_opened.data();
    Arena::Position scratch{};
    if (n.arity > few) {
      for (std::uint32_t k = 0; k < n.arity; ++k)
        if (reaches(n.inputs[k])) place(n.inputs[k]);  // has adjoints made, which outlive this
      scratch = state_.arena.position();
      targets =
          static_cast<Pullback::Target*>(state_.arena.allocate(n.arity * sizeof(Pullback::Target)));
      opened = static_cast<Opened*>(state_.arena.allocate(n.arity * sizeof(Opened)));
    }
    bool wanted = false;
    for (std::uint32_t k = 0; k < n.arity; ++k) {
      targets[k] = {};
      opened[k].place.slot = nullptr;
      opened[k].fresh_part = false;
      if (!reaches(n.inputs[k])) continue;
      targets[k] = target(place(n.inputs[k]), {opened, k}, opened[k]);
      wanted = wanted || targets[k].adjoint;
    }
    if (!wanted) return;
    if (n.arity <= few) scratch = state_.arena.position();
    apply(index, n, adjoint, {targets, n.arity});
    for (std::uint32_t k = 0; k < n.arity; ++k)
      if (opened[k].fresh_part) clear_part(opened[k]);  // the rule had nothing to write
    state_.arena.rewind(scratch);
  }

  [[noreturn, gnu::cold]] static void reject(std::uint32_t index, const Node& n) {
    throw TapeError(std::string(n.name) + ": record " + std::to_string(index) +
                    " lies on a path to an input, and this op has no derivative");
  }

  void apply(std::uint32_t index, const Node& n, const void* adjoint,
             std::span<const Pullback::Target> targets) {
    if (!n.rule->pullback) reject(index, n);
    const Pullback context(state_, index, adjoint, targets);
    if (state_.options.profile)
      apply_timed(n, context);
    else
      n.rule->pullback(context);
    if (state_.options.check_finite) check(index, n, targets);
  }

  void apply_timed(const Node& n, const Pullback& context) {
    const auto start = std::chrono::steady_clock::now();
    n.rule->pullback(context);
    state_.options.profile->ops[n.name].pullback_s +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  // Inputs may share memory: two of them the same record, or a view and what it looks at. Then one
  // is written after the other, in whatever order, and none is taken for untouched.
  static Pullback::Target target(const Place& p, std::span<Opened> earlier, Opened& opened) {
    opened.place = p;
    for (Opened& other : earlier) {
      if (!other.place.slot || !p.meets(other.place)) continue;
      if (other.fresh_part) clear_part(other);
      settle(p);
    }
    const bool fresh = open(p);
    if (!p.is_part()) return {p.begin(), &p.slot->fresh};
    opened.fresh_part = fresh;
    return {p.begin(), &opened.fresh_part};
  }
  static void clear_part(Opened& o) {
    clear(o.place.slot->adjoint, o.place.first, o.place.last);
    o.fresh_part = false;
  }

  void check(std::uint32_t index, const Node& n, std::span<const Pullback::Target> targets) const {
    for (std::size_t k = 0; k < targets.size(); ++k) {
      if (!targets[k].adjoint || *targets[k].fresh) continue;
      const Node& in = state_.node(n.inputs[k]);
      visit(in.dtype, [&]<class T>(T) {
        const T* a = static_cast<const T*>(targets[k].adjoint);
        for (std::int64_t e = 0; e < in.shape.size(); ++e)
          if (!std::isfinite(a[e]))
            throw NumericError(std::string(n.name) + ": pullback of record " +
                               std::to_string(index) + " to input " + std::to_string(k) + " " +
                               to_string(in.shape) + ": element " + std::to_string(e) + " is " +
                               (std::isnan(a[e]) ? "nan" : "infinite"));
      });
    }
  }

  TapeState& state_;
  std::uint32_t first_;
  std::uint32_t count_;
  std::span<const Wanted> wanted_;
  std::size_t spare_base_;
  bool any_older_ = false;  // of the wanted
  Slot* slots_;
};

// A recorded pullback is made of ops of its own: an anomaly there says of which record.
template <class F>
void named(std::uint32_t index, const Node& n, const F& f) {
  try {
    f();
  } catch (const NumericError& error) {
    throw NumericError(std::string(error.what()) + ", in the recorded pullback of " + n.name +
                       " (record " + std::to_string(index) + ")");
  }
}

// Gives back what a sweep allocated, also when a rule throws.
struct Restore {
  TapeState& state;
  Arena::Position at;
  std::size_t spares;
  explicit Restore(TapeState& s)
      : state(s), at(s.arena.position()), spares(s.spare_adjoints.size()) {}
  ~Restore() {
    state.arena.rewind(at);
    state.spare_adjoints.resize(spares);
  }
};

}  // namespace

void sweep(TapeState& state, std::span<const Seed> seeds, std::uint32_t first,
           std::span<const Wanted> wanted) {
  const Restore restore(state);
  std::uint32_t last = first;
  for (const Seed& seed : seeds) last = std::max(last, seed.index);
  Sweep(state, last, first, wanted).run(seeds);
}

void recorded_sweep(TapeState& state, Var from, Var cotangent, std::uint32_t first,
                    std::span<const std::uint32_t> wanted, bool blocked, std::span<Var> adjoints) {
  const std::uint32_t last = state.index_of(from, "recorded_grad");
  const auto position = [&](std::uint32_t index) {
    const auto found = std::ranges::find(wanted, index);
    return found == wanted.end() ? -1 : static_cast<int>(found - wanted.begin());
  };
  if (last < first) {
    if (const int at = position(last); at >= 0) adjoints[static_cast<std::size_t>(at)] = cotangent;
    return;
  }
  const std::size_t count = std::size_t{last} - first + 1;
  std::vector<Var> slots(count);
  std::vector<char> reached(count, 0), is_wanted(count, 0);
  for (const std::uint32_t w : wanted)
    if (w >= first && w <= last) reached[w - first] = is_wanted[w - first] = 1;
  const auto reaches = [&](std::uint32_t index) {
    return index >= first ? reached[index - first] != 0 : position(index) >= 0;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Node& n = state.node(first + static_cast<std::uint32_t>(i));
    if (reached[i] || !n.rule) continue;
    for (std::uint32_t k = 0; k < n.arity && !reached[i]; ++k)
      reached[i] = static_cast<char>(reaches(n.inputs[k]));
  }
  const auto accumulate = [&](std::uint32_t index, Var contribution) {
    Var& slot =
        index >= first ? slots[index - first] : adjoints[static_cast<std::size_t>(position(index))];
    slot = slot.valid() ? slot + contribution : contribution;
  };
  if (!reached.back()) return;
  slots.back() = cotangent;
  for (std::size_t i = count; i-- > 0;) {
    if (!slots[i].valid() || (blocked && is_wanted[i])) continue;
    const std::uint32_t index = first + static_cast<std::uint32_t>(i);
    const Node& n = state.node(index);
    if (!n.rule) continue;
    if (n.rule->view) {
      const std::uint32_t in = n.inputs[0];
      const Node& parent = state.node(in);
      const auto offset = (static_cast<char*>(n.value) - static_cast<char*>(parent.value)) /
                          static_cast<std::ptrdiff_t>(bytes(n.dtype));
      if (reaches(in)) accumulate(in, embed_range(slots[i], parent.shape, offset));
      continue;
    }
    std::vector<Var> contributions(n.arity);
    const auto wants = std::make_unique<bool[]>(n.arity);
    bool any = false;
    for (std::uint32_t k = 0; k < n.arity; ++k) any |= wants[k] = reaches(n.inputs[k]);
    if (!any) continue;
    if (!n.rule->recorded)
      throw TapeError(std::string(n.name) + ": record " + std::to_string(index) +
                      " lies on the path, and this op is differentiable " +
                      (n.rule->pullback ? "only once" : "not at all"));
    const Recorded context(state, index, slots[i], contributions, {wants.get(), n.arity});
    if (state.options.check_finite)
      named(index, n, [&] { n.rule->recorded(context); });
    else
      n.rule->recorded(context);
    for (std::uint32_t k = 0; k < n.arity; ++k)
      if (contributions[k].valid() && wants[k]) accumulate(n.inputs[k], contributions[k]);
  }
  for (std::size_t w = 0; w < wanted.size(); ++w)
    if (wanted[w] >= first && wanted[w] <= last) adjoints[w] = slots[wanted[w] - first];
}

}  // namespace metatape::detail

namespace metatape {

void Recorded::add(int i, Var contribution) const {
  Var& slot = adjoints_[static_cast<std::size_t>(i)];
  if (contribution.shape() != input_shape(i))
    throw ShapeError(std::string(node_.name) + ": the recorded pullback gives " +
                     to_string(contribution.shape()) + " for input " + std::to_string(i) + " of " +
                     to_string(input_shape(i)));
  slot = slot.valid() ? slot + contribution : contribution;
}

}  // namespace metatape
