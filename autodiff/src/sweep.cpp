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
  Written* part;         // made for the first part of it that is written to
  std::uint32_t wanted;  // its number among those wanted, from 1; 0: not wanted
  bool own_fresh;        // of what is not wanted
  bool partial;          // `part` says what has values
  bool reached;
};

void clear(void* adjoint, std::size_t from, std::size_t to) {
  if (from < to) std::memset(static_cast<char*>(adjoint) + from, 0, to - from);
}

// Bytes of an adjoint: a record's own, or its range of the adjoint of what it is a view of.
struct Place {
  void* whole;
  std::size_t bytes;  // of the whole
  std::size_t first, last;
  bool* fresh;  // of the whole
  Slot* slot;   // null for a record older than the sweep's

  [[nodiscard]] void* begin() const { return static_cast<char*>(whole) + first; }
  [[nodiscard]] bool is_part() const { return last - first != bytes; }
  [[nodiscard]] bool meets(const Place& other) const {
    return whole == other.whole && first < other.last && other.first < last;
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
    slots_ = static_cast<Slot*>(state.arena.allocate(count_ * sizeof(Slot)));
    std::memset(static_cast<void*>(slots_), 0, count_ * sizeof(Slot));
    for (const Wanted& w : wanted) {
      if (w.index < first || w.index > last) continue;
      Slot& s = slots_[w.index - first];
      s.adjoint = w.adjoint;
      s.wanted = static_cast<std::uint32_t>(&w - wanted.data()) + 1;
      s.reached = true;
    }
    for (std::uint32_t i = 0; i < count_; ++i) {
      Slot& s = slots_[i];
      const Node& n = state.node(first + i);
      if (s.reached || !n.rule) continue;
      for (std::uint32_t k = 0; k < n.arity && !s.reached; ++k) s.reached = reaches(n.inputs[k]);
    }
  }

  void run(std::span<const Seed> seeds) {
    for (const Seed& seed : seeds)
      if (reaches(seed.index)) start(seed);
    for (std::uint32_t i = count_; i-- > 0;) {
      Slot& s = slots_[i];
      if (!s.adjoint || *fresh(s)) continue;
      const Node& n = state_.node(first_ + i);
      if (s.partial) complete(s, n.value_bytes());
      if (s.wanted && wanted_[s.wanted - 1].blocked) continue;
      if (!n.rule) continue;
      if (n.rule->view)
        into_parent(n, s.adjoint);
      else
        pull(first_ + i, n, s.adjoint);
      if (!s.wanted && n.value_bytes() >= worth_sharing)
        state_.spare_adjoints.push_back({s.adjoint, n.value_bytes()});
    }
    state_.spare_adjoints.resize(spare_base_);
  }

 private:
  const Wanted* outside(std::uint32_t index) const {
    for (const Wanted& w : wanted_)
      if (w.index == index) return &w;
    return nullptr;
  }

  bool* fresh(Slot& s) const { return s.wanted ? wanted_[s.wanted - 1].fresh : &s.own_fresh; }

  void start(const Seed& seed) { put(state_.node(seed.index), place(seed.index), seed.cotangent); }

  bool reaches(std::uint32_t index) const {
    return index >= first_ ? slots_[index - first_].reached : outside(index) != nullptr;
  }

  // Where contributions to a record are accumulated. A view that nobody asked for has no adjoint of
  // its own: they go straight to its range of the record that it looks at.
  Place place(std::uint32_t index) {
    const std::size_t size = state_.node(index).value_bytes();
    std::size_t offset = 0;
    while (index >= first_ && !slots_[index - first_].wanted) {
      const Node& n = state_.node(index);
      if (!n.rule || !n.rule->view) break;
      offset += offset_in_parent(n);
      index = n.inputs[0];
    }
    Place p{nullptr, state_.node(index).value_bytes(), offset, offset + size, nullptr, nullptr};
    if (index < first_) {
      const Wanted* w = outside(index);
      p.whole = w->adjoint;
      p.fresh = w->fresh;
      return p;
    }
    Slot& s = slots_[index - first_];
    if (!s.adjoint) {
      s.adjoint = take(p.bytes);
      s.own_fresh = true;
    }
    if (p.is_part() && !s.part)
      s.part = static_cast<Written*>(state_.arena.allocate(sizeof(Written)));
    p.whole = s.adjoint;
    p.fresh = fresh(s);
    p.slot = &s;
    return p;
  }

  std::size_t offset_in_parent(const Node& view) const {
    return static_cast<std::size_t>(static_cast<char*>(view.value) -
                                    static_cast<char*>(state_.node(view.inputs[0]).value));
  }

  // Makes a place ready to be written to; true where nothing was written yet. Then a part counts as
  // written from now on, so it must be; of a whole *fresh says so.
  static bool open(const Place& p) {
    if (!p.is_part()) {
      complete(p);
      return *p.fresh;
    }
    if (p.first == p.last) return false;
    if (!p.slot) {
      settle(p);
      return false;
    }
    Slot& s = *p.slot;
    if (*p.fresh) {
      *p.fresh = false;
      *s.part = {p.first, p.last};
      s.partial = true;
      return true;
    }
    if (!s.partial) return false;
    auto& [low, high] = *s.part;
    const bool apart = p.last <= low || high <= p.first;
    // What lies between, and what a part that only overlaps has more.
    clear(p.whole, apart ? p.last : p.first, low);
    clear(p.whole, high, apart ? p.first : p.last);
    low = std::min(low, p.first);
    high = std::max(high, p.last);
    s.partial = low > 0 || high < p.bytes;
    return apart;
  }

  // Clears what nobody wrote of something that was written in part.
  static void complete(const Place& p) {
    if (p.slot && p.slot->partial) complete(*p.slot, p.bytes);
  }
  static void complete(Slot& s, std::size_t bytes) {
    clear(s.adjoint, 0, s.part->low);
    clear(s.adjoint, s.part->high, bytes);
    s.partial = false;
  }
  // The same of anything: all of it has values.
  static void settle(const Place& p) {
    complete(p);
    if (std::exchange(*p.fresh, false)) clear(p.whole, 0, p.bytes);
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
    *p.fresh = false;
  }

  void into_parent(const Node& view, const void* adjoint) {
    if (!reaches(view.inputs[0])) return;
    Place p = place(view.inputs[0]);
    p.first += offset_in_parent(view);
    p.last = p.first + view.value_bytes();
    put(view, p, adjoint);
  }

  // What a rule writes to.
  struct Opened {
    Place place;
    bool fresh_part;  // a part that was promised to be written
  };

  void pull(std::uint32_t index, const Node& n, const void* adjoint) {
    std::array<Pullback::Target, 4> few;
    std::array<Opened, 4> few_opened;
    Pullback::Target* targets = few.data();
    Opened* opened = few_opened.data();
    Arena::Position scratch{};
    if (n.arity > few.size()) {
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
      opened[k].place.whole = nullptr;
      opened[k].fresh_part = false;
      if (!reaches(n.inputs[k])) continue;
      targets[k] = target(place(n.inputs[k]), {opened, k}, opened[k]);
      wanted = wanted || targets[k].adjoint;
    }
    if (!wanted) return;
    if (!n.rule->pullback)
      throw TapeError(std::string(n.name) + ": record " + std::to_string(index) +
                      " lies on a path to an input, and this op has no derivative");
    if (n.arity <= few.size()) scratch = state_.arena.position();
    const Pullback context(state_, index, adjoint, {targets, n.arity});
    if (state_.options.profile) {
      const auto start = std::chrono::steady_clock::now();
      n.rule->pullback(context);
      state_.options.profile->ops[n.name].pullback_s +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    } else {
      n.rule->pullback(context);
    }
    for (std::uint32_t k = 0; k < n.arity; ++k)
      if (opened[k].fresh_part) clear_part(opened[k]);  // the rule had nothing to write
    if (state_.options.check_finite) check(index, n, {targets, n.arity});
    state_.arena.rewind(scratch);
  }

  // Inputs may share memory: two of them the same record, or a view and what it looks at. Then one
  // is written after the other, in whatever order, and none is taken for untouched.
  static Pullback::Target target(const Place& p, std::span<Opened> earlier, Opened& opened) {
    opened.place = p;
    for (Opened& other : earlier) {
      if (!other.place.whole || !p.meets(other.place)) continue;
      if (other.fresh_part) clear_part(other);
      settle(p);
    }
    const bool fresh = open(p);
    if (!p.is_part()) return {p.begin(), p.fresh};
    opened.fresh_part = fresh;
    return {p.begin(), &opened.fresh_part};
  }
  static void clear_part(Opened& o) {
    clear(o.place.whole, o.place.first, o.place.last);
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
