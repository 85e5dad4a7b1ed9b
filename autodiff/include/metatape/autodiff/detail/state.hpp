// state.hpp: what a tape is made of: nodes in stable chunks, and an arena that marks and rewinds.
// For writers of ops (through rule.hpp) and for the sweep; users of ops need none of it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "metatape/autodiff/tape.hpp"

namespace metatape {
struct Rule;
}

namespace metatape::detail {

/// Bump memory in chunks that are kept when it is rewound.
class Arena {
 public:
  static constexpr std::size_t alignment = 64;

  struct Position {
    std::uint32_t chunk = 0;
    std::size_t offset = 0;
  };

  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(std::size_t bytes) {
    bytes = (bytes + alignment - 1) & ~(alignment - 1);
    if (bytes <= static_cast<std::size_t>(end_ - next_)) [[likely]] {
      void* p = next_;
      next_ += bytes;
      return p;
    }
    return allocate_elsewhere(bytes);
  }

  [[nodiscard]] Position position() const { return {at_, static_cast<std::size_t>(next_ - base_)}; }
  void rewind(Position to) {
    note_peak();
    if (to.chunk != at_) go_to(to.chunk);
    next_ = base_ + to.offset;
  }

  [[nodiscard]] std::size_t used() const {
    return before_ + static_cast<std::size_t>(next_ - base_);
  }
  [[nodiscard]] std::size_t peak() const { return std::max(peak_, used()); }
  void reset_peak() { peak_ = used(); }
  [[nodiscard]] std::size_t reserved() const;

 private:
  void* allocate_elsewhere(std::size_t bytes);
  void go_to(std::uint32_t chunk);
  // Use only grows until it is rewound or goes to another chunk, so it need be looked at only then.
  void note_peak() { peak_ = peak(); }

  struct Chunk {
    char* base;
    std::size_t size;
    std::size_t before;  // sizes of the chunks below
  };
  std::vector<Chunk> chunks_;
  std::uint32_t at_ = 0;
  char *base_ = nullptr, *next_ = nullptr, *end_ = nullptr;  // of that chunk
  std::size_t before_ = 0;
  std::size_t peak_ = 0;
};

/// One record.
struct Node {
  const Rule* rule = nullptr;  ///< null: a leaf, or nothing to differentiate
  void* value = nullptr;
  void* attributes = nullptr;  ///< the op's Attributes
  void* kept = nullptr;        ///< what the op saved for its pullback
  void* moments = nullptr;  ///< of the value's columns, by blocks of rows, where the op took them
  const std::uint32_t* inputs = nullptr;
  std::uint64_t stamp = 0;
  std::uint32_t arity = 0;
  DType dtype = DType::f32;
  bool differentiable = false;
  bool aliases = false;  ///< the value lies in the memory of an older record
  const char* name = "";
  std::array<std::uint32_t, 4> inline_inputs{};
  Shape shape;

  [[nodiscard]] std::size_t value_bytes() const {
    return static_cast<std::size_t>(shape.size()) * bytes(dtype);
  }
};

struct ProfileMember;

struct TapeState {
  explicit TapeState(Tape* owner, const TapeOptions& options);
  ~TapeState();

  using Mark = Tape::Scope::Mark;
  [[nodiscard]] Mark mark() const {
    const Arena::Position p = arena.position();
    return {count, static_cast<std::uint32_t>(keepers.size()), p.chunk, p.offset};
  }
  void rewind(const Mark& to) noexcept;

  [[nodiscard]] Node& node(std::uint32_t index) { return nodes[index / chunk][index % chunk]; }
  [[nodiscard]] const Node& node(std::uint32_t index) const {
    return nodes[index / chunk][index % chunk];
  }

  /// The node a handle means; TapeError when it is stale or of another tape (`op` is named).
  [[nodiscard]] std::uint32_t index_of(const Var& v, const char* op) const {
    if (v.anchor_ != anchor || !has(v.stamp_)) [[unlikely]]
      reject_here(v, op);
    return index_in(v.stamp_);
  }
  [[nodiscard]] Var handle(std::uint32_t index) const {
    Var v;
    v.anchor_ = anchor;
    v.stamp_ = node(index).stamp;
    return v;
  }
  /// The state a handle lives in; TapeError when it is stale.
  [[nodiscard]] static TapeState& of(const Var& v, const char* op) {
    if (!stands(v)) [[unlikely]]
      reject(v, op);
    return *v.anchor_->state;
  }
  [[nodiscard]] static const Node& node_of(const Var& v, const char* op) {
    TapeState& s = of(v, op);
    return s.node(index_in(v.stamp_));
  }
  /// A record's stamp: its index below, and above it the generation in which it was made. Every
  /// rewinding begins a new one, and a tape takes up where the last of its anchor left off; so a
  /// handle whose record was overwritten, or whose anchor now serves another tape, is told apart by
  /// one comparison.
  static constexpr int index_bits = 28;
  static constexpr std::uint64_t generation = std::uint64_t{1} << index_bits;
  [[nodiscard]] static std::uint32_t index_in(std::uint64_t stamp) {
    return static_cast<std::uint32_t>(stamp & (generation - 1));
  }
  [[nodiscard]] bool has(std::uint64_t stamp) const {
    const std::uint32_t index = index_in(stamp);
    return index < count && node(index).stamp == stamp;
  }
  [[nodiscard]] static bool stands(const Var& v) noexcept {
    const TapeState* s = v.anchor_ ? v.anchor_->state : nullptr;
    return s && s->has(v.stamp_);
  }
  [[noreturn]] static void reject(const Var& v, const char* op);      ///< that does not stand
  [[noreturn]] void reject_here(const Var& v, const char* op) const;  ///< that is not of this tape
  /// True for Var{}, an optional input left out; a stale handle is not that.
  [[nodiscard]] static bool is_none(const Var& v) noexcept { return v.anchor_ == nullptr; }

  /// Appends an empty node and gives it the next stamp.
  Node& push() {
    if (count / chunk >= nodes.size()) [[unlikely]]
      add_chunk();
    Node& n = node(count);
    n.rule = nullptr;
    n.attributes = n.kept = n.moments = nullptr;
    n.stamp = stamps | count++;
    n.arity = 0;
    n.differentiable = n.aliases = false;
    return n;
  }

  /// Moves an object onto the tape; it is destroyed when its record is rewound.
  template <class K>
  const std::decay_t<K>* keep(K&& object) {
    using Kept = std::decay_t<K>;
    static_assert(alignof(Kept) <= Arena::alignment);
    if (keepers.size() == keepers.capacity()) keepers.reserve(2 * keepers.capacity() + 16);
    auto* kept = new (arena.allocate(sizeof(Kept))) Kept(std::forward<K>(object));
    keepers.push_back({kept, [](void* k) { static_cast<Kept*>(k)->~Kept(); }});
    return kept;
  }

  Var leaf(const Tensor& value, bool differentiable);
  void add_chunk();

  struct Keeper {
    void* object;
    void (*destroy)(void*);
  };

  static constexpr std::uint32_t chunk = 512;

  Tape* owner;
  TapeAnchor* anchor;
  TapeOptions options;
  std::unique_ptr<ProfileMember> member;  // where a ProfileAll lives
  Arena arena;
  std::vector<std::unique_ptr<Node[]>> nodes;
  std::uint32_t count = 0;
  std::uint64_t stamps;  // the generation of records that are made now
  std::vector<Keeper> keepers;
  std::vector<float> microseconds;  // by node, where options.timed
  struct Block {
    void* memory;
    std::size_t bytes;
  };
  std::vector<Block> spare_adjoints;  // large adjoints a sweep is done with
};

}  // namespace metatape::detail
